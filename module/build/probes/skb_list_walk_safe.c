// SPDX-License-Identifier: GPL-2.0
/* skb_list_walk_safe() (5.6, and stable trees) */
#include <linux/skbuff.h>

void probe(struct sk_buff *first)
{
	struct sk_buff *skb, *next;

	skb_list_walk_safe(first, skb, next)
		skb_mark_not_on_list(skb);
}
