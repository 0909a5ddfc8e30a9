// SPDX-License-Identifier: GPL-2.0
/* udp_tunnel6_xmit_skb() returns an int, always 0, and takes no flags (before 6.17) */
#include <net/udp_tunnel.h>

int probe(struct dst_entry *dst, struct sock *sk, struct sk_buff *skb, struct in6_addr *addr)
{
	return udp_tunnel6_xmit_skb(dst, sk, skb, skb->dev, addr, addr, 0, 0, 0, 0, 0, false);
}
