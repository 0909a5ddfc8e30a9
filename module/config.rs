// SPDX-License-Identifier: GPL-2.0

//! SET: what a checked message changes, in the order that users can observe (feature reference,
//! section 3.4). Under rtnl.
#![forbid(unsafe_code)]

use crate::{
    allowed,
    device::Device,
    kapi::{curve::curve, rcu::RcuOwned, rtnl::Rtnl, socket::Endpoint},
    peer::Peer,
    transmit,
};
use kernel::{alloc::flags::GFP_KERNEL, prelude::*, sync::Arc};
use wg_netlink::{
    address::Address,
    set::{SetAllowedIp, SetDevice, SetPeer},
};
use wg_protocol::{allowedips::Prefix, cookie::Mac1, noise::Identity};

/// Applies a message.
///
/// # Errors
///
/// `EPERM` before anything has changed; `EADDRINUSE`, `ENONET` or `ENOMEM` from where they occur:
/// what came before stays.
pub(crate) fn set(dev: &Arc<Device>, rtnl: &mut Rtnl, request: &SetDevice<'_>) -> Result {
    let touches_sockets = request.listen_port.is_some() || request.fwmark.is_some();
    if touches_sockets && !dev.sockets.may_change() {
        return Err(EPERM);
    }
    dev.config.get(rtnl).generation = dev.config.get(rtnl).generation.wrapping_add(1);
    if let Some(mark) = request.fwmark {
        dev.sockets.set_fwmark(mark);
        dev.forget_sources(rtnl);
    }
    if let Some(port) = request.listen_port {
        set_port(dev, rtnl, port)?;
    }
    if request.replace_peers {
        dev.remove_all_peers(rtnl);
    }
    if let Some(key) = request.private_key {
        set_private_key(dev, rtnl, key)?;
    }
    for peer in request.peers() {
        set_peer(dev, rtnl, &peer)?;
    }
    Ok(())
}

fn set_port(dev: &Arc<Device>, rtnl: &mut Rtnl, port: u16) -> Result {
    if dev.sockets.port() == port {
        return Ok(());
    }
    dev.forget_sources(rtnl);
    if !dev.is_up() {
        dev.sockets.set_port(port);
        return Ok(());
    }
    dev.sockets.open(port)
}

fn set_private_key(dev: &Arc<Device>, rtnl: &mut Rtnl, key: &[u8; 32]) -> Result {
    let old = dev.identity();
    // The stored key is clamped: one that is not is always a change (reference, 3.4).
    let same = match &old {
        Some(identity) => wg_crypto::ct_eq(identity.private_bytes(), key),
        None => wg_crypto::ct_eq(&[0; 32], key),
    };
    if same {
        return Ok(());
    }
    let identity = if wg_crypto::ct_eq(&[0; 32], key) {
        None
    } else {
        Some(Arc::new(Identity::on(curve(), *key), GFP_KERNEL)?)
    };
    let mac1 = match &identity {
        Some(identity) => Some(RcuOwned::new(Mac1::new(identity.public()), GFP_KERNEL)?),
        None => None,
    };
    // Nobody is a peer of their own.
    if let Some(own) = identity
        .as_ref()
        .and_then(|identity| dev.peer_by_key(identity.public()))
    {
        dev.remove_peer(rtnl, &own);
    }
    dev.set_identity(identity, mac1);
    for peer in dev.config.get(rtnl).peers.iter() {
        peer.identity_changed();
    }
    if old.is_none() && dev.is_up() {
        for peer in dev.config.get(rtnl).peers.iter() {
            transmit::send_staged(peer);
        }
    }
    Ok(())
}

fn set_peer(dev: &Arc<Device>, rtnl: &mut Rtnl, request: &SetPeer<'_>) -> Result {
    let (peer, is_new) = match dev.peer_by_key(request.public_key) {
        Some(peer) => (peer, false),
        None => {
            let own = dev
                .identity()
                .is_some_and(|identity| identity.public() == request.public_key);
            if request.remove_me || request.update_only || own {
                return Ok(());
            }
            let peer = Device::add_peer(dev, rtnl, *request.public_key)?;
            (peer, true)
        }
    };
    if request.remove_me {
        dev.remove_peer(rtnl, &peer);
        return Ok(());
    }
    // Straight from the message to its place, so that no copy stays behind on the stack.
    if let Some(psk) = request.preshared_key {
        peer.handshake.lock().set_psk(psk);
    }
    if let Some(address) = request.endpoint {
        peer.set_endpoint(Endpoint::from_address(address));
    }
    // What stays as it is stays untouched: no packet finds the peer without its prefixes meanwhile.
    if !request.replace_allowed_ips || is_new || !has_just(dev, rtnl, &peer, request) {
        if request.replace_allowed_ips && !is_new {
            let config = dev.config.get(rtnl);
            config.writer.remove_all(&dev.trie, &peer.allowed);
        }
        for entry in request.allowed_ips() {
            set_allowed_ip(dev, rtnl, &peer, entry)?;
        }
    }
    if let Some(secs) = request.persistent_keepalive {
        let before = peer.set_keepalive_secs(secs);
        if before == 0 && secs != 0 && dev.is_up() {
            transmit::send_keepalive(&peer);
        }
    }
    if dev.is_up() {
        transmit::send_staged(&peer);
    }
    Ok(())
}

/// Whether the prefixes that are to replace a peer's are those that it has, in the same order.
fn has_just(dev: &Device, rtnl: &mut Rtnl, peer: &Peer, request: &SetPeer<'_>) -> bool {
    let config = dev.config.get(rtnl);
    let has = config.writer.entries(&dev.trie, &peer.allowed);
    let wanted = request.allowed_ips();
    has.map(Some).eq(wanted.map(|entry| {
        if entry.remove_me {
            return None;
        }
        prefix(&entry)
    }))
}

fn prefix(entry: &SetAllowedIp) -> Option<Prefix> {
    match entry.addr {
        Address::V4(addr) => Prefix::v4(addr, entry.cidr),
        Address::V6(addr) => Prefix::v6(addr, entry.cidr),
    }
}

fn set_allowed_ip(
    dev: &Arc<Device>,
    rtnl: &mut Rtnl,
    peer: &Arc<Peer>,
    entry: SetAllowedIp,
) -> Result {
    let prefix = prefix(&entry).ok_or(EINVAL)?;
    let config = dev.config.get(rtnl);
    if entry.remove_me {
        config
            .writer
            .remove(&dev.trie, &config.by_id, prefix, peer.slot);
        return Ok(());
    }
    allowed::insert(
        &dev.trie,
        &mut config.writer,
        &config.by_id,
        prefix,
        peer.slot,
    )
}
