// SPDX-License-Identifier: GPL-2.0
/* net/gso.h: segmentation has a header of its own (6.5) */
#include <linux/skbuff.h>
#include <net/gso.h>

struct sk_buff *probe(struct sk_buff *skb)
{
	return skb_gso_segment(skb, 0);
}
