// SPDX-License-Identifier: GPL-2.0
/* timer_delete_sync() (6.2, and stable trees) */
#include <linux/timer.h>

int probe(struct timer_list *timer)
{
	return timer_delete_sync(timer);
}
