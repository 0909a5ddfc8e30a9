// SPDX-License-Identifier: GPL-2.0
/* a packet that is freed takes its reason with it, and these are among them (5.18) */
#include <linux/skbuff.h>

void probe(struct sk_buff *skb, int which)
{
	static const enum skb_drop_reason reasons[] = {
		SKB_DROP_REASON_NOT_SPECIFIED,
		SKB_DROP_REASON_PKT_TOO_SMALL,
		SKB_DROP_REASON_FULL_RING,
		SKB_DROP_REASON_NOMEM,
		SKB_DROP_REASON_DEV_READY,
		SKB_DROP_REASON_IP_INHDR,
		SKB_DROP_REASON_IP_RPFILTER,
		SKB_DROP_REASON_IP_OUTNOROUTES,
	};

	kfree_skb_reason(skb, reasons[which]);
}
