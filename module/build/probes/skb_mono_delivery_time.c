// SPDX-License-Identifier: GPL-2.0
/* skb->mono_delivery_time (5.18 to 6.10) */
#include <linux/skbuff.h>

int probe(struct sk_buff *skb)
{
	return skb->mono_delivery_time;
}
