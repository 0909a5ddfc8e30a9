// SPDX-License-Identifier: GPL-2.0

//! `flood`: a generator of hostile packets, for scripts inside a guest.
//!
//! Packets are made before the first is sent, and sent many in one system call through a raw
//! socket, so that their source can be anybody's: one address, or thousands in turn. The numbers
//! that fill them are the same in every run. Prints how many were sent, and in how many
//! milliseconds.

use crate::noise::Noise;
use anyhow::{bail, Context, Result};
use clap::{Parser, ValueEnum};
use nix::sys::socket::{
    sendmmsg, setsockopt, socket, sockopt, AddressFamily, MsgFlags, MultiHeaders, SockFlag,
    SockProtocol, SockType, SockaddrIn,
};
use std::fs;
use std::io::IoSlice;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::AsRawFd;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// The name under which this program is this command.
pub(crate) const NAME: &str = "flood";

/// Packets in one system call, at most.
const BATCH: usize = 64;
/// Packets that are made; they are sent round and round.
const RING: usize = 1024;
const IP: usize = 20;
const UDP: usize = 8;

/// Sends hostile packets over IPv4.
#[derive(Parser)]
#[command(name = NAME)]
struct Options {
    /// What the packets are
    kind: Kind,
    /// Where they go
    to: SocketAddrV4,
    /// First source address
    #[arg(long)]
    from: Ipv4Addr,
    /// How many source addresses, counted up from the first
    #[arg(long, default_value_t = 1)]
    sources: u32,
    /// Packets to send
    #[arg(long, required_unless_present = "seconds")]
    count: Option<u64>,
    /// Seconds to send for
    #[arg(long)]
    seconds: Option<f64>,
    /// Packets in a second; 0: as many as possible
    #[arg(long, default_value_t = 0)]
    rate: u64,
    /// Length of the UDP payload, where the kind does not say it
    #[arg(long, default_value_t = 148)]
    len: usize,
    /// Receiver index of data, responses and cookie replies, as a number; otherwise random
    #[arg(long)]
    index: Option<u32>,
    /// For replays: payloads as hexadecimal digits, one a line
    #[arg(long)]
    file: Option<PathBuf>,
}

/// What a flood consists of.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum Kind {
    /// Random bytes.
    Random,
    /// Initiations with a wrong mac1.
    Initiation,
    /// Responses, the same.
    Response,
    /// Cookie replies that answer nothing.
    Cookie,
    /// Data that does not verify.
    Data,
    /// What --file has.
    Replay,
}

/// Sends what the arguments say.
pub(crate) fn main(arguments: &[String]) -> Result<()> {
    let words = std::iter::once(NAME.to_owned()).chain(arguments.iter().cloned());
    let options = Options::parse_from(words);
    let packets = packets(&options)?;
    let (sent, time) = send(&options, &packets)?;
    println!("{sent} {}", time.as_millis());
    Ok(())
}

fn packets(options: &Options) -> Result<Vec<Vec<u8>>> {
    let replays = match &options.file {
        Some(path) => {
            lines(&fs::read_to_string(path).with_context(|| path.display().to_string())?)?
        }
        None => Vec::new(),
    };
    if (options.kind == Kind::Replay) == replays.is_empty() {
        bail!("--file is for replays, and they need one with a line in it");
    }
    let sources = options.sources.max(1);
    let count = RING.max(sources as usize).max(replays.len());
    let mut noise = Noise::new(1);
    let mut replays = replays.iter().cycle();
    let mut packets = Vec::with_capacity(count);
    for number in 0..count {
        let payload = match options.kind {
            Kind::Replay => replays.next().cloned().unwrap_or_default(),
            kind => payload(kind, options, &mut noise),
        };
        let from = u32::from(options.from).wrapping_add(number as u32 % sources);
        // An attacker with one address has one port; strangers have all sorts.
        let port = if sources == 1 {
            4242
        } else {
            1024 | noise.next() as u16
        };
        packets.push(datagram(from.into(), port, options.to, &payload)?);
    }
    Ok(packets)
}

fn payload(kind: Kind, options: &Options, noise: &mut Noise) -> Vec<u8> {
    let (message, len, index) = match kind {
        Kind::Random | Kind::Replay => return noise.bytes(options.len),
        // The sender's own index is as good as random.
        Kind::Initiation => (1, 148, None),
        Kind::Response => (2, 92, Some(8)),
        Kind::Cookie => (3, 64, Some(4)),
        Kind::Data => (4, options.len.max(32), Some(4)),
    };
    let mut out = noise.bytes(len);
    out.splice(..4, [message, 0, 0, 0]);
    if let (Some(at), Some(index)) = (index, options.index) {
        out.splice(at..at + 4, index.to_le_bytes());
    }
    out
}

/// An IPv4 packet; its checksum and identification are the kernel's to fill in.
fn datagram(from: Ipv4Addr, port: u16, to: SocketAddrV4, payload: &[u8]) -> Result<Vec<u8>> {
    let len = u16::try_from(IP + UDP + payload.len()).context("too long for a packet")?;
    let mut out = Vec::with_capacity(len.into());
    out.extend([0x45, 0]);
    out.extend(len.to_be_bytes());
    // Identification, fragments; time to live, UDP, checksum.
    out.extend([0, 0, 0, 0, 64, 17, 0, 0]);
    out.extend(from.octets());
    out.extend(to.ip().octets());
    out.extend(port.to_be_bytes());
    out.extend(to.port().to_be_bytes());
    out.extend((len - IP as u16).to_be_bytes());
    // No checksum.
    out.extend([0, 0]);
    out.extend(payload);
    Ok(out)
}

fn send(options: &Options, packets: &[Vec<u8>]) -> Result<(u64, Duration)> {
    let socket = socket(
        AddressFamily::Inet,
        SockType::Raw,
        SockFlag::empty(),
        SockProtocol::Raw,
    )
    .context("raw socket")?;
    setsockopt(&socket, sockopt::SndBuf, &(1 << 22)).context("send buffer")?;
    let to = Some(SockaddrIn::from(options.to));
    let slices: Vec<[IoSlice<'_>; 1]> = packets.iter().map(|one| [IoSlice::new(one)]).collect();
    let addresses = [to; BATCH];
    let mut headers = MultiHeaders::preallocate(BATCH, None);
    // Small steps at small rates: packets come one by one then, and not in bursts.
    let step = match options.rate {
        0 => BATCH,
        rate => usize::try_from(rate / 1000)?.clamp(1, BATCH),
    };
    let count = options.count.unwrap_or(u64::MAX);
    let end = options.seconds.map(Duration::from_secs_f64);
    let start = Instant::now();
    let (mut sent, mut at) = (0, 0);
    while sent < count && end.is_none_or(|end| start.elapsed() < end) {
        if options.rate != 0 {
            let due = Duration::from_secs_f64(sent as f64 / options.rate as f64);
            std::thread::sleep(due.saturating_sub(start.elapsed()));
        }
        let left = usize::try_from(count - sent).unwrap_or(BATCH);
        let batch = slices.get(at..).unwrap_or_default();
        let batch = batch.get(..step.min(left)).unwrap_or(batch);
        let addresses = addresses.get(..batch.len()).unwrap_or_default();
        let done = sendmmsg(
            socket.as_raw_fd(),
            &mut headers,
            batch,
            addresses,
            [],
            MsgFlags::empty(),
        )
        .context("sending")?
        .count();
        sent += done as u64;
        at = (at + done) % packets.len();
    }
    Ok((sent, start.elapsed()))
}

fn lines(text: &str) -> Result<Vec<Vec<u8>>> {
    text.lines().map(digits).collect()
}

fn digits(text: &str) -> Result<Vec<u8>> {
    let text = text.trim();
    if !text.is_ascii() || text.len() % 2 != 0 {
        bail!("not pairs of hexadecimal digits: {text}");
    }
    let pair = |at| u8::from_str_radix(text.get(at..at + 2).unwrap_or_default(), 16);
    let bytes: Result<_, _> = (0..text.len()).step_by(2).map(pair).collect();
    bytes.with_context(|| format!("not hexadecimal digits: {text}"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn options(words: &str) -> Options {
        Options::parse_from(std::iter::once(NAME).chain(words.split(' ')))
    }

    #[test]
    fn packets_are_what_they_are_called() {
        for (kind, first, len) in [
            ("initiation", 1, 148),
            ("response", 2, 92),
            ("cookie", 3, 64),
            ("data --len 80", 4, 80),
        ] {
            let words = format!("{kind} 192.0.2.1:51820 --from 10.9.0.1 --sources 3 --count 1");
            let made = packets(&options(&words)).unwrap();
            assert_eq!(made.len(), RING);
            for (number, packet) in made.iter().enumerate() {
                assert_eq!(packet.len(), IP + UDP + len, "{kind}");
                assert_eq!(packet[12..16], [10, 9, 0, 1 + (number % 3) as u8]);
                assert_eq!(packet[16..20], [192, 0, 2, 1]);
                assert_eq!(packet[IP + UDP..][..4], [first, 0, 0, 0]);
            }
        }
    }

    #[test]
    fn replays_come_from_a_file() {
        assert_eq!(lines("01ff\n\n").unwrap(), [vec![1, 255], vec![]]);
        assert!(lines("0g").is_err());
        assert!(lines("012").is_err());
        let words = "replay 192.0.2.1:51820 --from 10.9.0.1 --count 1";
        assert!(packets(&options(words)).is_err());
    }
}
