// SPDX-License-Identifier: GPL-2.0
/* alloc_workqueue() wants WQ_PERCPU said (6.17) */
#include <linux/workqueue.h>

unsigned int probe(void)
{
	return WQ_PERCPU;
}
