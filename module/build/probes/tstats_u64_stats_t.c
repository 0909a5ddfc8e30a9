// SPDX-License-Identifier: GPL-2.0
/* per-CPU packet counters are u64_stats_t (6.0) */
#include <linux/netdevice.h>

void probe(struct pcpu_sw_netstats *stats)
{
	u64_stats_add(&stats->rx_packets, 1);
}
