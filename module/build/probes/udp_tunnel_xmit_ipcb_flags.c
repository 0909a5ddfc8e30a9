// SPDX-License-Identifier: GPL-2.0
/* udp_tunnel_xmit_skb() and its sister take flags for the control block (6.17) */
#include <net/udp_tunnel.h>

void probe(struct rtable *rt, struct dst_entry *dst, struct sock *sk, struct sk_buff *skb,
	   struct in6_addr *addr)
{
	udp_tunnel_xmit_skb(rt, sk, skb, 0, 0, 0, 0, 0, 0, 0, false, false, 0);
	udp_tunnel6_xmit_skb(dst, sk, skb, skb->dev, addr, addr, 0, 0, 0, 0, 0, false, 0);
}
