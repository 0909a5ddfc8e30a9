// SPDX-License-Identifier: GPL-2.0
/*
 * What happens to the machine as a whole: it goes to sleep, or wakes up as a copy of itself.
 */
#include "probes.h"
#include <linux/notifier.h>
#include <linux/random.h>
#include <linux/rtnetlink.h>
#include <linux/suspend.h>
#include "netdev.h"
#include "wg.h"

/*
 * Keys do not outlive the moment at which somebody can take the sleeping machine's memory. On
 * systems that sleep by themselves all day long, that moment means nothing.
 */
static int wg_pm_event(struct notifier_block *nb, unsigned long action, void *data)
{
	if (IS_ENABLED(CONFIG_PM_AUTOSLEEP) || IS_ENABLED(CONFIG_PM_USERSPACE_AUTOSLEEP))
		return 0;
	if (action != PM_HIBERNATION_PREPARE && action != PM_SUSPEND_PREPARE)
		return 0;
	rtnl_lock();
	wg_for_each_device(wg_rs_end_sessions);
	rtnl_unlock();
	rcu_barrier();
	return 0;
}

static struct notifier_block wg_pm_notifier = { .notifier_call = wg_pm_event };

#if WG_HAVE_RANDOM_VMFORK_NOTIFIER
static int wg_vmfork_event(struct notifier_block *nb, unsigned long action, void *data)
{
	rtnl_lock();
	wg_for_each_device(wg_rs_expire_sessions);
	rtnl_unlock();
	return 0;
}

static struct notifier_block wg_vmfork_notifier = { .notifier_call = wg_vmfork_event };
#endif

int wg_notify_register(void)
{
	int err = register_pm_notifier(&wg_pm_notifier);

	if (err)
		return err;
#if WG_HAVE_RANDOM_VMFORK_NOTIFIER
	err = register_random_vmfork_notifier(&wg_vmfork_notifier);
	if (err)
		unregister_pm_notifier(&wg_pm_notifier);
#endif
	return err;
}

void wg_notify_unregister(void)
{
#if WG_HAVE_RANDOM_VMFORK_NOTIFIER
	unregister_random_vmfork_notifier(&wg_vmfork_notifier);
#endif
	unregister_pm_notifier(&wg_pm_notifier);
}
