// SPDX-License-Identifier: GPL-2.0
//! Allowed IPs, case by case (reference 3.4, 3.5 and section 5 "allowedips ...").

#![allow(clippy::unwrap_used)]

mod common;

use common::World;
use std::net::{Ipv4Addr, Ipv6Addr};
use wg_protocol::allowedips::{Error, Prefix, NONE};

const A: u32 = 0;
const B: u32 = 1;
const C: u32 = 2;
const D: u32 = 3;
const E: u32 = 4;
const F: u32 = 5;
const G: u32 = 6;
const H: u32 = 7;

fn prefix(text: &str) -> Prefix {
    let (address, cidr) = text.split_once('/').unwrap();
    let cidr = cidr.parse().unwrap();
    match address.parse::<Ipv4Addr>() {
        Ok(v4) => Prefix::v4(v4.octets(), cidr).unwrap(),
        Err(_) => Prefix::v6(address.parse::<Ipv6Addr>().unwrap().octets(), cidr).unwrap(),
    }
}

impl World {
    fn insert(&mut self, text: &str, peer: u32) {
        let prefix = prefix(text);
        self.writer
            .insert(&self.table, &self.owners, prefix, peer)
            .unwrap();
    }

    fn remove(&mut self, text: &str, peer: u32) -> bool {
        let prefix = prefix(text);
        self.writer.remove(&self.table, &self.owners, prefix, peer)
    }

    fn remove_all(&mut self, peer: u32) {
        let owner = &self.owners.0[peer as usize];
        self.writer.remove_all(&self.table, owner);
    }

    fn lookup(&self, text: &str) -> Option<u32> {
        match text.parse::<Ipv4Addr>() {
            Ok(v4) => self.table.lookup4(v4.octets()),
            Err(_) => self
                .table
                .lookup6(text.parse::<Ipv6Addr>().unwrap().octets()),
        }
    }

    fn list(&self, peer: u32) -> Vec<String> {
        let owner = &self.owners.0[peer as usize];
        self.writer
            .entries(&self.table, owner)
            .map(|prefix| match prefix {
                Prefix::V4 { addr, cidr } => format!("{}/{cidr}", Ipv4Addr::from(addr)),
                Prefix::V6 { addr, cidr } => format!("{}/{cidr}", Ipv6Addr::from(addr)),
            })
            .collect()
    }
}

/// Section 5 "allowedips static": nested prefixes of eight peers, one of which changes hands, and
/// what the addresses in and beside them belong to.
#[test]
fn static_lookups() {
    let mut world = World::new(8, 64);
    for (text, peer) in [
        ("10.20.30.0/24", A),
        ("10.20.30.40/32", B),
        ("1234:5678:9abc:1:9::2:3/128", B),
        ("1234:5678:9abc:1:8::/64", C),
        ("10.20.90.0/24", D),
        ("10.20.0.0/16", E),
        ("::/0", E),
        ("0.0.0.0/0", F),
        ("2345:6789::/32", G),
        ("2345:6789::/32", H),
        ("fedc:ba98:7654:3210:1111:2222:3333:4444/98", A),
        ("10.100.0.0/20", D),
        ("10.100.1.0/25", G),
        ("10.100.1.128/27", H),
        ("10.100.1.160/29", A),
        ("10.100.1.168/30", B),
        ("172.16.77.5/24", C),
    ] {
        world.insert(text, peer);
    }
    for (text, expected) in [
        ("10.20.30.20", A),
        ("10.20.30.40", B),
        ("10.20.30.41", A),
        ("10.20.90.1", D),
        ("10.20.91.1", E),
        ("10.20.255.255", E),
        ("10.21.0.0", F),
        ("0.0.0.0", F),
        ("255.255.255.255", F),
        ("10.100.0.0", D),
        ("10.100.15.255", D),
        ("10.100.16.0", F),
        ("10.100.1.0", G),
        ("10.100.1.127", G),
        ("10.100.1.128", H),
        ("10.100.1.159", H),
        ("10.100.1.160", A),
        ("10.100.1.167", A),
        ("10.100.1.168", B),
        ("10.100.1.171", B),
        ("10.100.1.172", D),
        ("172.16.77.0", C),
        ("172.16.78.0", F),
        ("1234:5678:9abc:1:9::2:3", B),
        ("1234:5678:9abc:1:9::2:4", C),
        ("1234:5678:9abc:1:0:8::", C),
        ("2345:6789:1::", H),
        ("2345:678a::", E),
        ("fedc:ba98:7654:3210:1111:2222:3333:4445", A),
        ("fedc:ba98:7654:3210:1111:2222:3fff:0", A),
        ("fedc:ba98:7654:3210:1111:2222:7333:0", E),
        ("::", E),
    ] {
        assert_eq!(world.lookup(text), Some(expected), "{text}");
    }
    assert!(world.list(G).iter().all(|entry| entry != "2345:6789::/32"));
}

/// Without a default route there are addresses of nobody.
#[test]
fn addresses_of_nobody() {
    let mut world = World::new(2, 8);
    assert_eq!(world.lookup("1.2.3.4"), None);
    assert_eq!(world.lookup("::1"), None);
    world.insert("192.168.0.0/16", A);
    world.insert("192.170.0.0/16", B);
    assert_eq!(world.lookup("192.169.0.1"), None);
    assert_eq!(world.lookup("192.168.0.1"), Some(A));
    assert_eq!(world.lookup("::ffff:192.168.0.1"), None);
}

/// Section 5 "allowedips remove_by_peer".
#[test]
fn removing_everything_of_a_peer() {
    let mut world = World::new(2, 32);
    for last in ["1", "2", "128", "192", "255"] {
        world.insert(&format!("4.3.2.{last}/32"), A);
    }
    world.insert("4.3.2.64/32", B);
    world.remove_all(A);
    for last in ["1", "2", "128", "192", "255"] {
        assert_eq!(world.lookup(&format!("4.3.2.{last}")), None);
    }
    assert_eq!(world.lookup("4.3.2.64"), Some(B));
    assert_eq!(world.live(), 1);

    world.insert("192.168.0.0/16", A);
    world.insert("192.168.0.0/24", A);
    world.remove_all(A);
    assert_eq!(world.lookup("192.168.0.1"), None);
    world.remove_all(B);
    assert_eq!(world.live(), 0);
}

/// Section 5 "allowedips remove"; reference 3.4 "AllowedIP REMOVE_ME".
#[test]
fn removing_one_entry() {
    let mut world = World::new(2, 32);
    world.insert("10.0.0.0/8", A);
    world.insert("10.1.0.0/16", A);
    world.insert("2001:db8::/32", B);
    let generation = world.writer.generation();
    for (text, peer) in [
        ("10.1.0.0/16", B),
        ("10.1.0.0/16", NONE),
        ("10.1.0.0/16", 99),
        ("10.1.0.0/17", A),
        ("10.1.0.0/15", A),
        ("10.1.0.0/32", A),
        ("11.0.0.0/8", A),
        ("0.0.0.0/0", A),
        ("2001:db8::/32", A),
        ("2001:db8::/33", B),
        ("::/0", B),
    ] {
        assert!(!world.remove(text, peer), "{text}");
    }
    assert_eq!(world.writer.generation(), generation, "nothing has changed");
    assert_eq!(world.lookup("10.1.0.1"), Some(A));
    assert!(world.remove("10.1.2.3/16", A), "host bits do not matter");
    assert_eq!(world.lookup("10.1.0.1"), Some(A), "the /8");
    assert!(world.remove("10.0.0.0/8", A));
    assert_eq!(world.lookup("10.1.0.1"), None);
    assert!(world.remove("2001:db8::/32", B));
    assert_eq!(world.live(), 0);
}

/// Section 5 "allowedips remove", cidr 33 and 129; section 3.3.
#[test]
fn prefixes_longer_than_addresses() {
    assert_eq!(Prefix::v4([1, 2, 3, 4], 33), None);
    assert_eq!(Prefix::v4([1, 2, 3, 4], 255), None);
    assert_eq!(Prefix::v6([1; 16], 129), None);
    // Made by hand they are brought into shape.
    let mut world = World::new(1, 8);
    let (addr, cidr) = ([1, 2, 3, 4], 200);
    let by_hand = Prefix::V4 { addr, cidr };
    world
        .writer
        .insert(&world.table, &world.owners, by_hand, A)
        .unwrap();
    assert_eq!(world.list(A), ["1.2.3.4/32"]);
    assert!(world.remove("1.2.3.4/32", A));
}

/// Reference 3.2: host bits are kept out.
#[test]
fn host_bits_are_cleared() {
    let mut world = World::new(1, 16);
    for text in [
        "10.20.30.40/20",
        "255.255.255.255/0",
        "fd00::1:2/112",
        "abcd::1/1",
        "1.2.3.4/32",
    ] {
        world.insert(text, A);
    }
    assert_eq!(
        world.list(A),
        [
            "10.20.16.0/20",
            "0.0.0.0/0",
            "fd00::1:0/112",
            "8000::/1",
            "1.2.3.4/32"
        ]
    );
}

/// Section 5 "allowedips depth": the deepest trie there can be, built and torn down.
#[test]
fn the_deepest_trie() {
    let mut world = World::new(1, 600);
    let address = |value: u128| Ipv6Addr::from(value).to_string();
    for bit in 0..128 {
        world.insert(&format!("{}/128", address(1 << bit)), A);
        world.insert(&format!("{}/{}", address(0), bit), A);
    }
    world.insert("::/128", A);
    for bit in 0..128 {
        assert_eq!(world.lookup(&address(1 << bit)), Some(A));
    }
    assert_eq!(world.lookup("::"), Some(A));
    assert_eq!(world.list(A).len(), 257);
    world.remove_all(A);
    assert_eq!(world.live(), 0);
}

/// Section 5 "allowedips read_node": the list has exactly the peer's entries, masked.
#[test]
fn the_list_of_a_peer() {
    let mut world = World::new(2, 32);
    world.insert("192.95.5.93/27", A);
    world.insert("10.105.0.0/16", B);
    world.insert("26:5300:60:80:0::/101", A);
    world.insert("2607:5300:6006:b00::c05f:543/128", A);
    world.insert("10.105.1.0/24", A);
    world.insert("0.0.0.0/0", A);
    assert_eq!(
        world.list(A),
        [
            "192.95.5.64/27",
            "26:5300:60:80::/101",
            "2607:5300:6006:b00::c05f:543/128",
            "10.105.1.0/24",
            "0.0.0.0/0",
        ]
    );
    assert_eq!(world.list(B), ["10.105.0.0/16"]);
}

/// Reference 3.4 "AllowedIP insert": a prefix moves to its new owner; new and repeated entries go
/// to the end of the owner's list.
#[test]
fn moves_and_repeats() {
    let mut world = World::new(2, 32);
    for text in ["10.0.0.1/32", "10.0.0.2/32", "fd00::/64", "10.0.0.3/32"] {
        world.insert(text, A);
    }
    world.insert("10.0.0.9/32", B);
    world.insert("10.0.0.2/32", A);
    assert_eq!(
        world.list(A),
        ["10.0.0.1/32", "fd00::/64", "10.0.0.3/32", "10.0.0.2/32"]
    );
    world.insert("10.0.0.1/32", B);
    world.insert("10.0.0.2/32", B);
    assert_eq!(world.list(A), ["fd00::/64", "10.0.0.3/32"]);
    assert_eq!(world.list(B), ["10.0.0.9/32", "10.0.0.1/32", "10.0.0.2/32"]);
    world.insert("fd00::/64", B);
    world.insert("10.0.0.3/32", B);
    assert!(world.owners.0[0].is_empty());
    assert_eq!(world.list(B).len(), 5);
    world.insert("10.0.0.3/32", B);
    assert_eq!(world.list(B).last().unwrap(), "10.0.0.3/32");
    assert_eq!(world.lookup("10.0.0.1"), Some(B));
}

/// A fork between entries that becomes an entry, and then a fork again.
#[test]
fn forks_become_entries_and_back() {
    let mut world = World::new(3, 32);
    world.insert("10.0.0.0/16", A);
    world.insert("10.1.0.0/16", B);
    assert_eq!(world.live(), 3, "with a fork at /15");
    world.insert("10.0.0.0/15", C);
    assert_eq!(world.live(), 3);
    assert!(world.remove("10.0.0.0/15", C));
    assert_eq!(world.live(), 3);
    assert_eq!(world.lookup("10.1.0.1"), Some(B));
    assert!(world.remove("10.0.0.0/16", A));
    assert_eq!(world.live(), 1, "the fork went with its second child");
    assert_eq!(world.lookup("10.1.0.1"), Some(B));
    assert_eq!(world.lookup("10.0.0.1"), None);
}

/// An entry with one child is spliced out; its parent keeps its two children.
#[test]
fn splicing() {
    let mut world = World::new(3, 32);
    world.insert("10.0.0.0/8", A);
    world.insert("10.0.0.0/16", B);
    world.insert("10.0.0.0/24", C);
    assert!(world.remove("10.0.0.0/16", B));
    assert_eq!(world.live(), 2);
    assert_eq!(world.lookup("10.0.0.1"), Some(C));
    assert_eq!(world.lookup("10.0.1.1"), Some(A));
    assert!(world.remove("10.0.0.0/8", A));
    assert_eq!(world.live(), 1);
    assert_eq!(world.lookup("10.0.0.1"), Some(C));
}

/// A failed allocation, of the entry's node or of the fork's, changes nothing.
#[test]
fn no_memory() {
    let mut world = World::new(2, 32);
    world.insert("10.0.0.0/16", A);
    world.insert("10.8.0.0/16", A);
    world.insert("fd00::/16", A);
    let (live, generation) = (world.live(), world.writer.generation());
    for budget in [0, 1] {
        world.slots4.0.borrow_mut().budget = Some(budget);
        world.slots6.0.borrow_mut().budget = Some(budget);
        for text in ["10.1.0.0/16", "192.0.0.0/8", "fd01::/16"] {
            let refused = world
                .writer
                .insert(&world.table, &world.owners, prefix(text), B);
            assert_eq!(refused, Err(Error::NoMemory), "{text}");
            assert_eq!(world.live(), live);
        }
    }
    assert_eq!(world.writer.generation(), generation);
    assert_eq!(world.list(A), ["10.0.0.0/16", "10.8.0.0/16", "fd00::/16"]);
    assert!(world.owners.0[1].is_empty());
    assert_eq!(world.lookup("10.1.0.1"), None);
    // What needs no node still works.
    world.insert("10.8.0.0/16", B);
    assert_eq!(world.lookup("10.8.0.1"), Some(B));
    assert_eq!(world.list(A), ["10.0.0.0/16", "fd00::/16"]);
}

#[test]
fn unknown_peers() {
    let mut world = World::new(1, 8);
    for peer in [1, 1000, NONE] {
        let refused = world
            .writer
            .insert(&world.table, &world.owners, prefix("::/0"), peer);
        assert_eq!(refused, Err(Error::UnknownPeer));
    }
    assert_eq!(world.live(), 0);
}

/// Reference 3.5 "AllowedIPs do not fit" and "Consistency": a walk stops anywhere and goes on there,
/// or not at all if the table has changed.
#[test]
fn walks_are_resumable() {
    let mut world = World::new(2, 2000);
    for n in 0..500 {
        world.insert(&format!("10.{}.{}.0/24", n / 256, n % 256), A);
        world.insert(&format!("fd00:{n:x}::/32"), A);
    }
    let owner = &world.owners.0[A as usize];
    let whole: Vec<Prefix> = world.writer.entries(&world.table, owner).collect();
    assert_eq!(whole.len(), 1000);

    let mut pieces = Vec::new();
    let mut cursor = world.writer.entries(&world.table, owner).cursor();
    loop {
        let mut walk = world.writer.resume(&world.table, cursor).unwrap();
        let before = pieces.len();
        pieces.extend(walk.by_ref().take(7));
        if pieces.len() == before {
            break;
        }
        cursor = walk.cursor();
    }
    assert_eq!(pieces, whole);

    world.insert("192.168.0.0/16", B);
    assert!(world.writer.resume(&world.table, cursor).is_none());
}

/// Reference 4 #21: 130,560 prefixes of one peer go in and out, each at the cost of a path.
#[test]
fn one_peer_with_very_many_prefixes() {
    let count = 255 * 256 * 2;
    let mut world = World::new(1, 2 * count);
    for half in 0..2 {
        for high in 0..255 {
            for low in 0..256 {
                let addr = [10 + half, high as u8, low as u8, 0];
                let prefix = Prefix::v4(addr, 25).unwrap();
                world
                    .writer
                    .insert(&world.table, &world.owners, prefix, A)
                    .unwrap_or_else(|_| panic!());
            }
        }
    }
    assert_eq!(
        world
            .writer
            .entries(&world.table, &world.owners.0[0])
            .count(),
        count as usize
    );
    world.remove_all(A);
    assert_eq!(world.live(), 0);
}
