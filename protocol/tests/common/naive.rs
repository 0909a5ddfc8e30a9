// SPDX-License-Identifier: GPL-2.0
//! Allowed IPs too simple to be wrong: a list.

use wg_protocol::allowedips::Prefix;

/// The naive table: entries in the order in which they were last given out.
#[derive(Default)]
pub struct Naive(pub Vec<(Prefix, u32)>);

impl Naive {
    pub fn insert(&mut self, prefix: Prefix, peer: u32) {
        self.0.retain(|(known, _)| *known != prefix);
        self.0.push((prefix, peer));
    }

    pub fn remove(&mut self, prefix: Prefix, peer: u32) -> bool {
        let before = self.0.len();
        self.0.retain(|entry| *entry != (prefix, peer));
        self.0.len() != before
    }

    pub fn remove_all(&mut self, peer: u32) -> bool {
        let before = self.0.len();
        self.0.retain(|(_, owner)| *owner != peer);
        self.0.len() != before
    }

    pub fn lookup4(&self, ip: [u8; 4]) -> Option<u32> {
        let covers = |prefix: &Prefix| match *prefix {
            Prefix::V4 { cidr, .. } => (Prefix::v4(ip, cidr) == Some(*prefix)).then_some(cidr),
            Prefix::V6 { .. } => None,
        };
        self.longest(covers)
    }

    pub fn lookup6(&self, ip: [u8; 16]) -> Option<u32> {
        let covers = |prefix: &Prefix| match *prefix {
            Prefix::V6 { cidr, .. } => (Prefix::v6(ip, cidr) == Some(*prefix)).then_some(cidr),
            Prefix::V4 { .. } => None,
        };
        self.longest(covers)
    }

    fn longest(&self, covers: impl Fn(&Prefix) -> Option<u8>) -> Option<u32> {
        self.0
            .iter()
            .filter_map(|(prefix, peer)| covers(prefix).map(|cidr| (cidr, *peer)))
            .max_by_key(|(cidr, _)| *cidr)
            .map(|(_, peer)| peer)
    }

    pub fn list(&self, peer: u32) -> Vec<Prefix> {
        let own = self.0.iter().filter(|(_, owner)| *owner == peer);
        own.map(|(prefix, _)| *prefix).collect()
    }
}
