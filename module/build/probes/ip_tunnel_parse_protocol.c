// SPDX-License-Identifier: GPL-2.0
/* ip_tunnel_parse_protocol() (5.8) */
#include <linux/skbuff.h>
#include <net/ip_tunnels.h>

__be16 probe(struct sk_buff *skb)
{
	return ip_tunnel_parse_protocol(skb);
}
