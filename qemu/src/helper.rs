// SPDX-License-Identifier: GPL-2.0

//! The helper commands that scripts call inside a guest.
//!
//! | command | does |
//! |---|---|
//! | `say TEXT...` | prints a line of the test's story on the host |
//! | `put NAME VALUE...` | gives a value to all machines of the test |
//! | `get NAME` | waits for such a value and prints it |
//! | `barrier NAME` | waits until every machine of the test stands at this barrier |
//!
//! They are this very program under other names, and talk to [`crate::agent`] over its socket.

use crate::agent::SOCKET;
use crate::frame::{Decoder, Kind, Message};
use anyhow::{bail, Context, Result};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

/// The names under which this program is a helper command.
pub(crate) const NAMES: [&str; 4] = ["say", "put", "get", "barrier"];

/// Runs helper `name`; prints what it got.
pub(crate) fn main(name: &str, arguments: &[String]) -> Result<()> {
    let message = message(name, arguments)?;
    let mut stream = UnixStream::connect(SOCKET).context(SOCKET)?;
    stream.write_all(&message.encode())?;
    let mut decoder = Decoder::default();
    let mut buffer = [0; 4096];
    loop {
        let count = stream.read(&mut buffer)?;
        if count == 0 {
            bail!("{name}: the agent is gone");
        }
        decoder.feed(buffer.get(..count).unwrap_or_default());
        if let Some(answer) = decoder.next() {
            if message.kind == Kind::Get {
                println!("{}", answer.text(1));
            }
            return Ok(());
        }
    }
}

fn message(name: &str, arguments: &[String]) -> Result<Message> {
    let (kind, fields) = match (name, arguments) {
        ("say", words) => (Kind::Say, vec![words.join(" ")]),
        ("put", [key, value @ ..]) => (Kind::Put, vec![key.clone(), value.join(" ")]),
        ("get", [key]) => (Kind::Get, vec![key.clone()]),
        // Barriers and values share the table of waiters, so their names differ.
        ("barrier", [key]) => (Kind::Barrier, vec![format!("barrier:{key}")]),
        _ => bail!("usage: say TEXT | put NAME VALUE | get NAME | barrier NAME"),
    };
    Ok(Message::new(kind, &fields))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn arguments_become_messages() {
        let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let said = message("say", &words("a tunnel is up")).unwrap();
        assert_eq!(said, Message::new(Kind::Say, &["a tunnel is up"]));
        let put = message("put", &words("key one two")).unwrap();
        assert_eq!(put, Message::new(Kind::Put, &["key", "one two"]));
        let barrier = message("barrier", &words("up")).unwrap();
        assert_eq!(barrier, Message::new(Kind::Barrier, &["barrier:up"]));
        assert!(message("get", &[]).is_err());
    }
}
