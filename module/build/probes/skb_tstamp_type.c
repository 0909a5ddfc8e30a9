// SPDX-License-Identifier: GPL-2.0
/* skb->tstamp_type says which clock a timestamp is of (6.11) */
#include <linux/skbuff.h>

int probe(struct sk_buff *skb)
{
	return skb->tstamp_type;
}
