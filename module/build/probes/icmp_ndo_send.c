// SPDX-License-Identifier: GPL-2.0
/* icmp_ndo_send() and icmpv6_ndo_send() (5.6, and stable trees) */
#include <linux/icmpv6.h>
#include <net/icmp.h>

void probe(struct sk_buff *skb)
{
	icmp_ndo_send(skb, ICMP_DEST_UNREACH, ICMP_HOST_UNREACH, 0);
	icmpv6_ndo_send(skb, ICMPV6_DEST_UNREACH, ICMPV6_ADDR_UNREACH, 0);
}
