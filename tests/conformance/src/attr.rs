// SPDX-License-Identifier: GPL-2.0

//! Netlink attributes: a builder that also builds wrong ones, a reader, and a printer.

use std::fmt::Write;

/// The flag of a nest.
pub(crate) const NESTED: u16 = 1 << 15;
/// The flag of a number in network order, which WireGuard has none of.
pub(crate) const BIG_ENDIAN: u16 = 1 << 14;
/// Bytes of a header.
pub(crate) const HEADER: usize = 4;

const fn align(len: usize) -> usize {
    (len + 3) & !3
}

/// A run of attributes that is being built.
#[derive(Clone, Default)]
pub(crate) struct Attrs(pub(crate) Vec<u8>);

impl Attrs {
    /// None yet.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// An attribute with its padding.
    pub(crate) fn put(mut self, kind: u16, payload: &[u8]) -> Self {
        let length = u16::try_from(payload.len() + HEADER).unwrap_or(u16::MAX);
        self.0.extend(length.to_ne_bytes());
        self.0.extend(kind.to_ne_bytes());
        self.0.extend(payload);
        self.0.resize(align(self.0.len()), 0);
        self
    }

    pub(crate) fn u8(self, kind: u16, value: u8) -> Self {
        self.put(kind, &[value])
    }

    pub(crate) fn u16(self, kind: u16, value: u16) -> Self {
        self.put(kind, &value.to_ne_bytes())
    }

    pub(crate) fn u32(self, kind: u16, value: u32) -> Self {
        self.put(kind, &value.to_ne_bytes())
    }

    /// A string with its NUL.
    pub(crate) fn string(self, kind: u16, value: &str) -> Self {
        self.put(kind, format!("{value}\0").as_bytes())
    }

    /// A nest with its flag.
    pub(crate) fn nest(self, kind: u16, inside: Attrs) -> Self {
        self.put(kind | NESTED, &inside.0)
    }

    /// What is in another run, behind this one.
    pub(crate) fn and(mut self, more: Attrs) -> Self {
        self.0.extend(more.0);
        self
    }

    /// Bytes as they are.
    pub(crate) fn raw(mut self, bytes: &[u8]) -> Self {
        self.0.extend(bytes);
        self
    }
}

/// One attribute that was read.
#[derive(Clone, Copy)]
pub(crate) struct Attr<'a> {
    /// Type without flags.
    pub(crate) kind: u16,
    /// Whether it says that it is a nest.
    pub(crate) nested: bool,
    /// Where its header is in the run.
    pub(crate) at: usize,
    /// What is in it.
    pub(crate) payload: &'a [u8],
}

impl Attr<'_> {
    pub(crate) fn u32(&self) -> Option<u32> {
        Some(u32::from_ne_bytes(self.payload.try_into().ok()?))
    }

    /// Up to its NUL.
    pub(crate) fn string(&self) -> String {
        let end = self.payload.iter().position(|byte| *byte == 0);
        let bytes = self.payload.get(..end.unwrap_or(self.payload.len()));
        String::from_utf8_lossy(bytes.unwrap_or_default()).into_owned()
    }
}

/// The attributes of a run, as far as they make sense, and what is left behind them.
pub(crate) fn read(bytes: &[u8]) -> (Vec<Attr<'_>>, &[u8]) {
    let (mut attrs, mut at) = (Vec::new(), 0);
    while let Some([l0, l1, t0, t1]) = bytes.get(at..).and_then(|rest| rest.first_chunk::<4>()) {
        let length = usize::from(u16::from_ne_bytes([*l0, *l1]));
        let kind = u16::from_ne_bytes([*t0, *t1]);
        let Some(payload) = bytes.get(at + HEADER..at + length) else {
            break;
        };
        attrs.push(Attr {
            kind: kind & !(NESTED | BIG_ENDIAN),
            nested: kind & NESTED != 0,
            at,
            payload,
        });
        at = (at + align(length)).min(bytes.len());
    }
    (attrs, bytes.get(at..).unwrap_or_default())
}

/// The first attribute of this type.
pub(crate) fn find(bytes: &[u8], kind: u16) -> Option<Attr<'_>> {
    read(bytes).0.into_iter().find(|attr| attr.kind == kind)
}

/// Where all headers of well-formed attributes are, nests included, counted from the first byte.
pub(crate) fn headers(bytes: &[u8]) -> Vec<usize> {
    let mut all = Vec::new();
    for attr in read(bytes).0 {
        all.push(attr.at);
        if attr.nested {
            let inside = headers(attr.payload);
            all.extend(inside.into_iter().map(|at| attr.at + HEADER + at));
        }
    }
    all
}

/// Bytes as hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let mut text = String::new();
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// How a run is printed: which attributes are nests without saying so, and which change from run to
/// run. The path of an attribute is the types from the outermost on.
pub(crate) struct Style {
    /// Whether it is to be read as a nest although its flag is missing.
    pub(crate) nest: fn(&[u16]) -> bool,
    /// The text to print in the place of what is volatile.
    pub(crate) mask: fn(&[u16], &[u8]) -> Option<String>,
}

/// Prints a run, one attribute a line, losing nothing but what the style masks.
pub(crate) fn print(bytes: &[u8], style: &Style) -> String {
    let mut text = String::new();
    print_run(bytes, style, &mut Vec::new(), &mut text);
    text
}

fn print_run(bytes: &[u8], style: &Style, path: &mut Vec<u16>, text: &mut String) {
    let (attrs, rest) = read(bytes);
    for attr in attrs {
        path.push(attr.kind);
        let indent = "  ".repeat(path.len());
        let flag = if attr.nested { " nest" } else { "" };
        let length = attr.payload.len();
        let _ = write!(text, "{indent}{}{flag} ({length})", attr.kind);
        if let Some(mask) = (style.mask)(path, attr.payload) {
            let _ = writeln!(text, " <{mask}>");
        } else if attr.nested || (style.nest)(path) {
            let _ = writeln!(text);
            print_run(attr.payload, style, path, text);
        } else {
            let _ = writeln!(text, " {}", hex(attr.payload));
        }
        path.pop();
    }
    if !rest.is_empty() {
        let _ = writeln!(
            text,
            "{}left over {}",
            "  ".repeat(path.len() + 1),
            hex(rest)
        );
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_is_built_can_be_read_and_printed() {
        let run = Attrs::new()
            .u16(6, 7)
            .nest(8, Attrs::new().nest(0, Attrs::new().put(1, b"abcde")));
        assert_eq!(headers(&run.0), [0, 8, 12, 16]);
        assert_eq!(find(&run.0, 6).unwrap().payload, 7u16.to_ne_bytes());
        let style = Style {
            nest: |_| false,
            mask: |path, _| (path == [6]).then(|| "port".to_owned()),
        };
        let expected = "  6 (2) <port>\n  8 nest (16)\n    0 nest (12)\n      1 (5) 6162636465\n";
        assert_eq!(print(&run.0, &style), expected);
    }

    #[test]
    fn broken_ones_end_the_run() {
        let run = Attrs::new().u8(1, 1).raw(&[9, 0, 1, 0, 0]);
        let (attrs, rest) = read(&run.0);
        assert_eq!((attrs.len(), rest.len()), (1, 5));
        let (attrs, rest) = read(&[3, 0, 1, 0]);
        assert_eq!((attrs.len(), rest.len()), (0, 4));
    }
}
