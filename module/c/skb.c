// SPDX-License-Identifier: GPL-2.0
/*
 * Packets: what an inner packet is, the buffers of its cryptography, and its life after.
 *
 * A packet is sealed or opened from its own memory into a fresh buffer, so that copying and
 * cryptography are one pass and nothing that others can see (TCP's retransmit queue, the page
 * cache) is ever written. Only a packet that is neither cloned nor fragmented is worked in place.
 */
#include "probes.h"
#include <linux/etherdevice.h>
#include <linux/icmp.h>
#include <linux/icmpv6.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/udp.h>
#include <net/dst_metadata.h>
#if WG_HAVE_NET_GSO_H
#include <net/gso.h>
#endif
#include <net/icmp.h>
#include <net/inet_ecn.h>
#include <net/ip_tunnels.h>
#include <net/ipv6.h>
#include "wg.h"

/* Buffers up to this are linear; larger ones come in page fragments. */
#define WG_MAX_LINEAR (4 * PAGE_SIZE)

static const u8 wg_zeroes[16];

/* What the version nibble says, if a whole header of that version is there. */
static __be16 wg_l3_protocol(const struct sk_buff *skb)
{
	const u8 *l3 = skb_network_header(skb);

	if (l3 < skb->head || l3 + sizeof(struct iphdr) > skb_tail_pointer(skb))
		return 0;
	if (*l3 >> 4 == 4)
		return htons(ETH_P_IP);
	if (*l3 >> 4 == 6 && l3 + sizeof(struct ipv6hdr) <= skb_tail_pointer(skb))
		return htons(ETH_P_IPV6);
	return 0;
}

bool wg_tx_inner(const struct sk_buff *skb, struct wg_inner *inner)
{
	__be16 protocol = wg_l3_protocol(skb);

	if (!protocol || protocol != skb->protocol)
		return false;
	if (protocol == htons(ETH_P_IP)) {
		inner->version = 4;
		memcpy(inner->addr, &ip_hdr(skb)->daddr, 4);
	} else {
		inner->version = 6;
		memcpy(inner->addr, &ipv6_hdr(skb)->daddr, 16);
	}
	return true;
}

/* Tells the sender that its destination cannot be reached, as the address it was sent from. */
void wg_tx_unreachable(struct sk_buff *skb, u8 version)
{
	if (version == 4)
		icmp_ndo_send(skb, ICMP_DEST_UNREACH, ICMP_HOST_UNREACH, 0);
	else if (version == 6)
		icmpv6_ndo_send(skb, ICMPV6_DEST_UNREACH, ICMPV6_ADDR_UNREACH, 0);
}

/*
 * Takes `skb` and gives back a chain (->next) of packets that each fit the tunnel; *lost says how
 * many are not among them for want of memory. Segments share the payload's pages with the
 * original: sealing copies them.
 */
struct sk_buff *wg_tx_segment(struct sk_buff *skb, const struct net_device *dev, u32 *lost)
{
	const struct dst_entry *dst = skb_dst(skb);
	u32 mtu = skb_valid_dst(skb) ? dst_mtu(dst) : READ_ONCE(dev->mtu);
	struct sk_buff *segs, *next, **link;

	*lost = 0;
	if (skb_is_gso(skb)) {
		segs = skb_gso_segment(skb, NETIF_F_SG);
		if (IS_ERR_OR_NULL(segs)) {
			wg_skb_free(skb, WG_WHY_NO_MEMORY);
			*lost = 1;
			return NULL;
		}
		consume_skb(skb);
	} else {
		skb_mark_not_on_list(skb);
		segs = skb;
	}

	for (link = &segs; (skb = *link); ) {
		next = skb->next;
		skb_mark_not_on_list(skb);
		skb = skb_share_check(skb, GFP_ATOMIC);
		if (unlikely(!skb)) {
			++*lost;
			*link = next;
			continue;
		}
		/* A sender's route must not be pinned while the packet waits for a handshake. */
		skb_dst_drop(skb);
		memset(WG_CB(skb), 0, sizeof(struct wg_cb));
		WG_CB(skb)->mtu = mtu;
		WG_CB(skb)->data = 1;
		skb->next = next;
		*link = skb;
		link = &skb->next;
	}
	return segs;
}

struct sk_buff *wg_keepalive_new(struct net_device *dev)
{
	struct sk_buff *skb = alloc_skb(WG_HEADROOM + WG_TAG, GFP_ATOMIC);

	if (unlikely(!skb))
		return NULL;
	skb_reserve(skb, WG_HEADROOM);
	skb_reset_network_header(skb);
	skb->dev = dev;
	memset(WG_CB(skb), 0, sizeof(struct wg_cb));
	WG_CB(skb)->mtu = READ_ONCE(dev->mtu);
	return skb;
}

/* A buffer of `len` bytes behind `headroom`, whose contents are not yet set. */
static struct sk_buff *wg_fresh(u32 headroom, u32 len)
{
	struct sk_buff *skb;
	int err;

	if (len <= WG_MAX_LINEAR) {
		skb = alloc_skb(headroom + len, GFP_ATOMIC | __GFP_NOWARN);
		if (unlikely(!skb))
			return NULL;
		skb_reserve(skb, headroom);
		__skb_put(skb, len);
		return skb;
	}
	skb = alloc_skb_with_frags(headroom, len, PAGE_ALLOC_COSTLY_ORDER, &err,
				   GFP_ATOMIC | __GFP_NOWARN);
	if (likely(skb)) {
		skb_reserve(skb, headroom);
		skb->data_len = len;
		skb->len += len;
	}
	return skb;
}

/* Notes the pieces of `len` bytes from `off`; the number of pieces, or -EMSGSIZE above `max`. */
static int wg_walk(const struct sk_buff *skb, u32 off, u32 len, struct wg_seg *seg, int max)
{
	const struct sk_buff *part;
	int i, n = 0;
	u32 take;

	if (off < skb_headlen(skb)) {
		take = min(len, skb_headlen(skb) - off);
		if (take) {
			if (n == max)
				return -EMSGSIZE;
			seg[n++] = (struct wg_seg){ skb->data + off, take };
		}
		len -= take;
		off = 0;
	} else {
		off -= skb_headlen(skb);
	}

	for (i = 0; len && i < skb_shinfo(skb)->nr_frags; i++) {
		const skb_frag_t *frag = &skb_shinfo(skb)->frags[i];

		if (off >= skb_frag_size(frag)) {
			off -= skb_frag_size(frag);
			continue;
		}
		take = min_t(u32, len, skb_frag_size(frag) - off);
		if (n == max)
			return -EMSGSIZE;
		seg[n++] = (struct wg_seg){ (u8 *)skb_frag_address(frag) + off, take };
		len -= take;
		off = 0;
	}

	for (part = skb_shinfo(skb)->frag_list; len && part; part = part->next) {
		int deeper;

		if (off >= part->len) {
			off -= part->len;
			continue;
		}
		take = min_t(u32, len, part->len - off);
		deeper = wg_walk(part, off, take, seg + n, max - n);
		if (deeper < 0)
			return deeper;
		n += deeper;
		len -= take;
		off = 0;
	}
	return len ? -EMSGSIZE : n;
}

/* The same, and if there are too many pieces, of a linear copy. */
static int wg_walk_any(struct sk_buff *skb, u32 off, u32 len, struct wg_seg *seg, int max)
{
	int n = wg_walk(skb, off, len, seg, max);

	if (n == -EMSGSIZE && skb_is_nonlinear(skb) && !skb_linearize(skb))
		n = wg_walk(skb, off, len, seg, max);
	return n;
}

static bool wg_in_place(const struct sk_buff *skb)
{
	return !skb_cloned(skb) && !skb_is_nonlinear(skb);
}

/*
 * Clears what belongs to the packet's past, before it goes on in another role: all that the kernel
 * itself would copy from one buffer's header to another's, as if the buffer were a fresh one.
 */
static void wg_scrub(struct sk_buff *skb)
{
	skb_scrub_packet(skb, true);
#if WG_HAVE_SKB_HEADERS_GROUP
	memset(&skb->headers, 0, sizeof(skb->headers));
#else
	memset(&skb->headers_start, 0,
	       offsetof(struct sk_buff, headers_end) - offsetof(struct sk_buff, headers_start));
#endif
	skb->nohdr = 0;
	skb->peeked = 0;
	skb_set_queue_mapping(skb, 0);
	skb_shinfo(skb)->gso_size = 0;
	skb_shinfo(skb)->gso_segs = 0;
	skb_shinfo(skb)->gso_type = 0;
}

/*
 * Readies the sealing of `skb`, plus `pad` zero bytes: job->header is where the 16 bytes of the
 * data header go. Up to `max` pieces in each of `src` and `dst`. On an error nothing has changed
 * that matters and the caller frees the packet.
 */
int wg_seal_prepare(struct sk_buff *skb, u32 pad, struct wg_seg *src, struct wg_seg *dst, u32 max,
		    struct wg_job *job)
{
	u32 len = skb->len;
	int n;

	if (skb->ip_summed == CHECKSUM_PARTIAL && skb_checksum_help(skb))
		return -ENOMEM;
	/* Flow hash and congestion bits come from the inner packet while it can still be read. */
	skb_get_hash(skb);
	WG_CB(skb)->ds = WG_CB(skb)->data ? ip_tunnel_ecn_encap(0, ip_hdr(skb), skb) : 0;

	if (wg_in_place(skb) && skb_headroom(skb) >= WG_HEADROOM &&
	    skb_tailroom(skb) >= pad + WG_TAG) {
		memset(skb_tail_pointer(skb), 0, pad);
		src[0] = (struct wg_seg){ skb->data, len + pad };
		dst[0] = (struct wg_seg){ skb->data, len + pad + WG_TAG };
		*job = (struct wg_job){ .dst = skb, .nsrc = 1, .ndst = 1 };
		__skb_put(skb, pad + WG_TAG);
	} else {
		struct sk_buff *fresh;

		n = wg_walk_any(skb, 0, len, src, max - 1);
		if (n < 0)
			return n;
		if (pad)
			src[n++] = (struct wg_seg){ (u8 *)wg_zeroes, pad };
		fresh = wg_fresh(WG_HEADROOM, len + pad + WG_TAG);
		if (unlikely(!fresh))
			return -ENOMEM;
		*job = (struct wg_job){ .src = skb, .dst = fresh, .nsrc = n };
		n = wg_walk(fresh, 0, fresh->len, dst, max);
		if (unlikely(n < 0)) {
			kfree_skb(fresh);
			return n;
		}
		job->ndst = n;
	}
	job->header = job->dst->data - WG_DATA_HEADER;
	return 0;
}

/* Ends a sealing: the result takes over the sender's account, so that back pressure still works. */
void wg_seal_finish(struct wg_job *job, struct net_device *dev)
{
	struct sk_buff *src = job->src, *skb = job->dst;

	if (src) {
		*WG_CB(skb) = *WG_CB(src);
		skb_copy_hash(skb, src);
#if WG_HAVE_SKB_TSTAMP_TYPE
		if (src->tstamp_type) {
			skb->tstamp = src->tstamp;
			skb->tstamp_type = src->tstamp_type;
		}
#endif
		/* Others keep what their destructors need in the buffer, which stays behind. */
		if (src->destructor && src->sk &&
		    (src->sk->sk_family == AF_INET || src->sk->sk_family == AF_INET6)) {
			swap(skb->sk, src->sk);
			swap(skb->destructor, src->destructor);
			swap(skb->truesize, src->truesize);
		}
		consume_skb(src);
	} else {
		u32 hash = skb->hash;
		bool l4_hash = skb->l4_hash, sw_hash = skb->sw_hash;

		wg_scrub(skb);
		skb->hash = hash;
		skb->l4_hash = l4_hash;
		skb->sw_hash = sw_hash;
	}
	__skb_push(skb, WG_DATA_HEADER);
	skb->dev = dev;
}

/* Whether two received datagrams came the same way, so that one endpoint speaks for both. */
bool wg_skb_same_outer(const struct sk_buff *a, const struct sk_buff *b)
{
	if (a->protocol != b->protocol || a->skb_iif != b->skb_iif ||
	    udp_hdr(a)->source != udp_hdr(b)->source)
		return false;
	if (a->protocol == htons(ETH_P_IP))
		return ip_hdr(a)->saddr == ip_hdr(b)->saddr && ip_hdr(a)->daddr == ip_hdr(b)->daddr;
	return ipv6_addr_equal(&ipv6_hdr(a)->saddr, &ipv6_hdr(b)->saddr) &&
	       ipv6_addr_equal(&ipv6_hdr(a)->daddr, &ipv6_hdr(b)->daddr);
}

/* Where a received datagram came from and was sent to: the endpoint to answer. */
void wg_skb_endpoint(const struct sk_buff *skb, struct wg_endpoint *ep)
{
	memset(ep, 0, sizeof(*ep));
	if (skb->protocol == htons(ETH_P_IP)) {
		ep->addr4.sin_family = AF_INET;
		ep->addr4.sin_port = udp_hdr(skb)->source;
		ep->addr4.sin_addr.s_addr = ip_hdr(skb)->saddr;
		ep->src4.s_addr = ip_hdr(skb)->daddr;
		ep->src_if4 = skb->skb_iif;
	} else if (IS_ENABLED(CONFIG_IPV6) && skb->protocol == htons(ETH_P_IPV6)) {
		ep->addr6.sin6_family = AF_INET6;
		ep->addr6.sin6_port = udp_hdr(skb)->source;
		ep->addr6.sin6_addr = ipv6_hdr(skb)->saddr;
		ep->addr6.sin6_scope_id = ipv6_iface_scope_id(&ipv6_hdr(skb)->saddr, skb->skb_iif);
		ep->src6 = ipv6_hdr(skb)->daddr;
	}
}

/* Readies the opening of a data message (data at the message header). */
int wg_open_prepare(struct sk_buff *skb, struct wg_seg *src, struct wg_seg *dst, u32 max,
		    struct wg_job *job)
{
	u32 len;
	int n;

	if (unlikely(skb->len < WG_DATA_HEADER + WG_TAG))
		return -EINVAL;
	len = skb->len - WG_DATA_HEADER - WG_TAG;

	if (wg_in_place(skb)) {
		src[0] = (struct wg_seg){ skb->data + WG_DATA_HEADER, len + WG_TAG };
		dst[0] = (struct wg_seg){ skb->data + WG_DATA_HEADER, len };
		*job = (struct wg_job){ .dst = skb, .nsrc = 1, .ndst = 1 };
		return 0;
	}

	n = wg_walk_any(skb, WG_DATA_HEADER, len + WG_TAG, src, max);
	if (n < 0)
		return n;
	*job = (struct wg_job){ .src = skb, .nsrc = n };
	/* Room for the inner headers to be made linear in a buffer of fragments. */
	job->dst = wg_fresh(NET_SKB_PAD + NET_IP_ALIGN, len);
	if (unlikely(!job->dst))
		return -ENOMEM;
	n = wg_walk(job->dst, 0, len, dst, max);
	if (unlikely(n < 0)) {
		kfree_skb(job->dst);
		return n;
	}
	job->ndst = n;
	return 0;
}

/* Ends an opening that verified: job->dst holds the plaintext and its padding. */
void wg_open_finish(struct wg_job *job)
{
	struct sk_buff *skb = job->dst;

	if (job->src) {
		*WG_CB(skb) = *WG_CB(job->src);
		consume_skb(job->src);
	} else {
		skb_pull(skb, WG_DATA_HEADER);
		skb_trim(skb, skb->len - WG_TAG);
		skb_orphan(skb);
		wg_scrub(skb);
	}
}

/*
 * Makes an opened packet one that the stack can take from `dev`: inner header checked, padding
 * cut, congestion marks carried inwards. `inner` tells where it claims to come from.
 */
u32 wg_rx_finish(struct sk_buff *skb, struct net_device *dev, struct wg_inner *inner)
{
	u8 outer_ds = WG_CB(skb)->ds;
	u32 len;

	skb_reset_mac_header(skb);
	skb_reset_network_header(skb);
	skb->dev = dev;
	skb->pkt_type = PACKET_HOST;
	/* The tag vouches for every byte, so for every checksum within. */
	skb->ip_summed = CHECKSUM_UNNECESSARY;
	skb->csum_level = ~0;

	/* Too short for any header is no type at all, as the C module has it. */
	if (unlikely(!pskb_may_pull(skb, sizeof(struct iphdr))))
		return WG_RX_BAD_TYPE;
	if (ip_hdr(skb)->version == 6 && unlikely(!pskb_may_pull(skb, sizeof(struct ipv6hdr))))
		return WG_RX_BAD_TYPE;
	skb->protocol = wg_l3_protocol(skb);
	if (skb->protocol == htons(ETH_P_IP)) {
		len = ntohs(ip_hdr(skb)->tot_len);
		if (unlikely(len < sizeof(struct iphdr)))
			return WG_RX_BAD_LENGTH;
		inner->version = 4;
		memcpy(inner->addr, &ip_hdr(skb)->saddr, 4);
		INET_ECN_decapsulate(skb, outer_ds, ip_hdr(skb)->tos);
	} else if (skb->protocol == htons(ETH_P_IPV6)) {
		len = ntohs(ipv6_hdr(skb)->payload_len) + sizeof(struct ipv6hdr);
		inner->version = 6;
		memcpy(inner->addr, &ipv6_hdr(skb)->saddr, 16);
		INET_ECN_decapsulate(skb, outer_ds, ipv6_get_dsfield(ipv6_hdr(skb)));
	} else {
		return WG_RX_BAD_TYPE;
	}
	if (unlikely(len > skb->len))
		return WG_RX_BAD_LENGTH;
	if (unlikely(pskb_trim(skb, len)))
		return WG_RX_BAD_LENGTH;
	return WG_RX_OK;
}

/* The whole message as contiguous bytes. */
int wg_skb_bytes(struct sk_buff *skb, const u8 **data, u32 *len)
{
	if (skb_linearize(skb))
		return -ENOMEM;
	*data = skb->data;
	*len = skb->len;
	return 0;
}

/* The end of a packet: what went its way is consumed, and all else dropped for a reason. */
void wg_skb_free(struct sk_buff *skb, u32 why)
{
#if WG_HAVE_SKB_DROP_REASONS
	static const enum skb_drop_reason reasons[] = {
		[WG_WHY_NOT_SPECIFIED] = SKB_DROP_REASON_NOT_SPECIFIED,
		[WG_WHY_MALFORMED] = SKB_DROP_REASON_PKT_TOO_SMALL,
		[WG_WHY_QUEUE_FULL] = SKB_DROP_REASON_FULL_RING,
		[WG_WHY_NO_MEMORY] = SKB_DROP_REASON_NOMEM,
		[WG_WHY_NOT_READY] = SKB_DROP_REASON_DEV_READY,
		[WG_WHY_INNER_HEADER] = SKB_DROP_REASON_IP_INHDR,
		[WG_WHY_UNALLOWED_SOURCE] = SKB_DROP_REASON_IP_RPFILTER,
		[WG_WHY_NO_ROUTE] = SKB_DROP_REASON_IP_OUTNOROUTES,
	};
#endif

	if (why == WG_WHY_CONSUMED) {
		consume_skb(skb);
		return;
	}
#if WG_HAVE_SKB_DROP_REASONS
	kfree_skb_reason(skb, reasons[min_t(u32, why, ARRAY_SIZE(reasons) - 1)]);
#else
	kfree_skb(skb);
#endif
}

/* The same for each packet of a chain. */
void wg_chain_free(struct sk_buff *head, u32 why)
{
	struct sk_buff *skb, *next;

	for (skb = head; skb; skb = next) {
		next = skb->next;
		skb_mark_not_on_list(skb);
		wg_skb_free(skb, why);
	}
}

void wg_skb_orphan(struct sk_buff *skb)
{
	skb_orphan(skb);
}
