// SPDX-License-Identifier: GPL-2.0

//! Messages between the runner on the host and the agent in a guest, and their frames.
//!
//! There is one byte stream per machine (a virtio port in QEMU, a serial line in User-Mode Linux),
//! and both sides hold one [`Decoder`] for what comes in. A frame is the magic, a kind, a length,
//! the fields, and a checksum; a decoder that meets anything else (a line that the terminal layer
//! printed before it was switched to raw) skips to the next magic.

/// Start of each frame: bytes that no text and no terminal sequence has.
const MAGIC: [u8; 4] = [0xf5, b'W', b'G', 0xfa];
/// Bytes before the fields: magic, kind, length.
const HEAD: usize = 4 + 1 + 4;
/// Longest body that is believed; a longer one is garbage.
const MAX_BODY: usize = 1 << 20;

/// What a frame is about. The fields of each are listed beside it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(crate) enum Kind {
    /// Guest to host: the agent runs. Fields: kernel release, taint flags.
    Hello = 1,
    /// Host to guest: start a command. Fields: "tty" or "pipe", rows, columns, count of arguments,
    /// the arguments, then environment settings as NAME=VALUE.
    Run = 2,
    /// Host to guest: bytes for the command's input. Fields: bytes.
    Input = 3,
    /// Guest to host: bytes from the command's output. Fields: bytes.
    Output = 4,
    /// Guest to host: bytes from the command's error output. Fields: bytes.
    Error = 5,
    /// Guest to host: the command ended. Fields: its code.
    Exit = 6,
    /// Guest to host: a line of the story for people. Fields: text.
    Say = 7,
    /// Guest to host: this machine stands at a barrier. Fields: name.
    Barrier = 8,
    /// Guest to host: a value for all machines. Fields: name, value.
    Put = 9,
    /// Guest to host: wait for a value. Fields: name.
    Get = 10,
    /// Host to guest: a barrier opened, or a value is there. Fields: what was asked, the value.
    Answer = 11,
    /// Host to guest: end the machine. Fields: none.
    Halt = 12,
    /// Guest to host: a file of results. Fields: name, bytes.
    File = 13,
    /// Guest to host: about to power off. Fields: taint flags, leaks found ("" if none).
    Bye = 14,
}

impl Kind {
    const ALL: [Self; 14] = [
        Self::Hello,
        Self::Run,
        Self::Input,
        Self::Output,
        Self::Error,
        Self::Exit,
        Self::Say,
        Self::Barrier,
        Self::Put,
        Self::Get,
        Self::Answer,
        Self::Halt,
        Self::File,
        Self::Bye,
    ];

    fn from_byte(byte: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| *kind as u8 == byte)
    }
}

/// One message: what it is about, and its fields.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Message {
    /// What it is about.
    pub(crate) kind: Kind,
    /// The fields, in the order that [`Kind`] gives.
    pub(crate) fields: Vec<Vec<u8>>,
}

impl Message {
    /// Makes a message of text or byte fields.
    pub(crate) fn new<F: AsRef<[u8]>>(kind: Kind, fields: &[F]) -> Self {
        let fields = fields.iter().map(|field| field.as_ref().to_vec()).collect();
        Self { kind, fields }
    }

    /// Field `index` as text; empty where there is none.
    pub(crate) fn text(&self, index: usize) -> String {
        String::from_utf8_lossy(self.bytes(index)).into_owned()
    }

    /// Field `index` as bytes; empty where there is none.
    pub(crate) fn bytes(&self, index: usize) -> &[u8] {
        self.fields.get(index).map_or(&[], Vec::as_slice)
    }

    /// Field `index` as a number.
    pub(crate) fn number<T: std::str::FromStr>(&self, index: usize) -> Option<T> {
        self.text(index).trim().parse().ok()
    }

    /// The frame of this message.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut body = Vec::new();
        for field in &self.fields {
            body.extend_from_slice(&length(field.len()));
            body.extend_from_slice(field);
        }
        let mut frame = MAGIC.to_vec();
        frame.push(self.kind as u8);
        frame.extend_from_slice(&length(body.len()));
        frame.extend_from_slice(&body);
        let sum = checksum(frame.get(MAGIC.len()..).unwrap_or_default());
        frame.extend_from_slice(&sum.to_le_bytes());
        frame
    }
}

/// Takes bytes as they come and gives whole messages.
#[derive(Default)]
pub(crate) struct Decoder {
    buffer: Vec<u8>,
}

impl Decoder {
    /// Appends what was read.
    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole message, if it has arrived.
    pub(crate) fn next(&mut self) -> Option<Message> {
        loop {
            self.seek_magic();
            let head = self.buffer.get(..HEAD)?;
            let kind = head.get(4).copied().and_then(Kind::from_byte);
            let len = read_length(head.get(5..)?)?;
            let Some(kind) = kind.filter(|_| len <= MAX_BODY) else {
                self.skip(1);
                continue;
            };
            let end = HEAD + len;
            let sum = self.buffer.get(end..end + 4)?;
            let sum = <[u8; 4]>::try_from(sum).map(u32::from_le_bytes).ok()?;
            let fields = self.buffer.get(HEAD..end).and_then(split);
            let good = self.buffer.get(4..end).map(checksum) == Some(sum);
            match fields {
                Some(fields) if good => {
                    self.buffer.drain(..end + 4);
                    return Some(Message { kind, fields });
                }
                _ => self.skip(1),
            }
        }
    }

    /// Drops what cannot be the start of a frame.
    fn seek_magic(&mut self) {
        let start = (0..self.buffer.len()).find(|&at| {
            let rest = self.buffer.get(at..).unwrap_or_default();
            let len = rest.len().min(MAGIC.len());
            rest.get(..len) == MAGIC.get(..len)
        });
        self.skip(start.unwrap_or(self.buffer.len()));
    }

    fn skip(&mut self, count: usize) {
        self.buffer.drain(..count);
    }
}

fn length(len: usize) -> [u8; 4] {
    u32::try_from(len).unwrap_or(u32::MAX).to_le_bytes()
}

fn read_length(bytes: &[u8]) -> Option<usize> {
    let bytes = <[u8; 4]>::try_from(bytes.get(..4)?).ok()?;
    usize::try_from(u32::from_le_bytes(bytes)).ok()
}

fn split(mut body: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut fields = Vec::new();
    while !body.is_empty() {
        let len = read_length(body)?;
        let field = body.get(4..4 + len)?;
        fields.push(field.to_vec());
        body = body.get(4 + len..)?;
    }
    Some(fields)
}

/// FNV-1a: enough to notice a torn frame.
fn checksum(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |sum, byte| {
        (sum ^ u32::from(*byte)).wrapping_mul(0x0100_0193)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Message {
        Message::new(Kind::Put, &["key", "va\u{f5}lue"])
    }

    #[test]
    fn comes_back_in_any_pieces() {
        let frame = sample().encode();
        for piece in 1..=frame.len() {
            let mut decoder = Decoder::default();
            let mut found = Vec::new();
            for chunk in frame.chunks(piece) {
                decoder.feed(chunk);
                found.extend(std::iter::from_fn(|| decoder.next()));
            }
            assert_eq!(found, [sample()]);
        }
    }

    #[test]
    fn skips_garbage_before_and_between() {
        let mut bytes = b"login: \xf5W".to_vec();
        bytes.extend(sample().encode());
        bytes.extend(b"\r\n\xf5WG");
        bytes.extend(sample().encode());
        let mut decoder = Decoder::default();
        decoder.feed(&bytes);
        assert_eq!(decoder.next(), Some(sample()));
        assert_eq!(decoder.next(), Some(sample()));
        assert_eq!(decoder.next(), None);
    }

    #[test]
    fn a_damaged_frame_is_no_message() {
        let frame = sample().encode();
        for at in 0..frame.len() {
            let mut bytes = frame.clone();
            bytes[at] ^= 0x10;
            // A damaged length may swallow what follows, so enough follows to end any wait.
            bytes.extend(std::iter::repeat_n(0, 2 * MAX_BODY));
            let mut decoder = Decoder::default();
            decoder.feed(&bytes);
            assert_eq!(decoder.next(), None, "byte {at}");
        }
    }

    #[test]
    fn no_fields_and_empty_fields() {
        for message in [
            Message::new::<&str>(Kind::Halt, &[]),
            Message::new(Kind::Answer, &["", ""]),
        ] {
            let mut decoder = Decoder::default();
            decoder.feed(&message.encode());
            assert_eq!(decoder.next(), Some(message));
        }
    }
}
