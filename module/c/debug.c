// SPDX-License-Identifier: GPL-2.0
/*
 * Dynamic-debug lines, off until `module wireguard +p`. The formats stay in C, where the kernel's
 * own machinery finds each line by itself.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt
#include <linux/netdevice.h>
#include <linux/printk.h>
#include "wg.h"

void wg_dbg_peer_created(struct net_device *dev, u64 peer)
{
	pr_debug("%s: Peer %llu created\n", dev->name, peer);
}

void wg_dbg_peer_destroyed(struct net_device *dev, u64 peer, const struct wg_endpoint *ep)
{
	pr_debug("%s: Peer %llu (%pISpfsc) destroyed\n", dev->name, peer, &ep->addr);
}

void wg_dbg_keypair_created(struct net_device *dev, u64 keypair, u64 peer)
{
	pr_debug("%s: Keypair %llu created for peer %llu\n", dev->name, keypair, peer);
}

void wg_dbg_keypair_destroyed(struct net_device *dev, u64 keypair, u64 peer)
{
	pr_debug("%s: Keypair %llu destroyed for peer %llu\n", dev->name, keypair, peer);
}

static __maybe_unused const struct sockaddr *wg_source(const struct sk_buff *skb, struct wg_endpoint *ep)
{
	wg_skb_endpoint(skb, ep);
	return &ep->addr;
}

void wg_dbg_bad_mac(struct net_device *dev, const struct sk_buff *skb)
{
	struct wg_endpoint ep __maybe_unused;

	net_dbg_ratelimited("%s: Handshake message with a wrong MAC from %pISpfsc\n", dev->name,
			    wg_source(skb, &ep));
}

#define LINE(format) \
	net_dbg_ratelimited("%s: " format " peer %llu (%pISpfsc)\n", dev->name, \
			    peer, &ep->addr)

/* `peer` is 0 where none is known yet. */
void wg_dbg_handshake(struct net_device *dev, u64 peer, const struct wg_endpoint *ep, u32 what)
{
	switch (what) {
	case WG_DBG_SEND_INITIATION:
		LINE("Sending handshake initiation to");
		break;
	case WG_DBG_SEND_RESPONSE:
		LINE("Sending handshake response to");
		break;
	case WG_DBG_SEND_KEEPALIVE:
		LINE("Sending keepalive packet to");
		break;
	case WG_DBG_SEND_COOKIE:
		LINE("Under load: sending cookie reply to");
		break;
	case WG_DBG_RECV_INITIATION:
		LINE("Received handshake initiation from");
		break;
	case WG_DBG_RECV_RESPONSE:
		LINE("Received handshake response from");
		break;
	case WG_DBG_RECV_COOKIE:
		LINE("Received cookie reply from");
		break;
	case WG_DBG_RECV_KEEPALIVE:
		LINE("Received keepalive packet from");
		break;
	case WG_DBG_BAD_HANDSHAKE:
		LINE("Handshake message that does not verify from");
		break;
	case WG_DBG_RETRY:
		LINE("No answer to a handshake initiation, trying again:");
		break;
	case WG_DBG_GIVE_UP:
		LINE("No answer to any handshake initiation, giving up on");
		break;
	case WG_DBG_STOPPED_HEARING:
		LINE("Nothing came back for the data sent, new handshake with");
		break;
	case WG_DBG_ZERO_KEYS:
		LINE("Session long over, zeroing its keys:");
		break;
	case WG_DBG_UNALLOWED_SRC:
		LINE("Packet with a source address that is not allowed from");
		break;
	case WG_DBG_REPLAY:
		LINE("Packet with a counter that was seen or is too old from");
		break;
	}
}
