// SPDX-License-Identifier: GPL-2.0
/* Deferred work, timers, clocks and randomness. */
#include "probes.h"
#include <linux/jiffies.h>
#include <linux/ktime.h>
#include <linux/random.h>
#include <linux/siphash.h>
#include <linux/timekeeping.h>
#include "wg.h"

#if WG_HAVE_WQ_PERCPU
#define WG_WQ_PERCPU WQ_PERCPU
#else
#define WG_WQ_PERCPU 0
#endif

struct workqueue_struct *wg_workqueue_crypt(const char *name)
{
	return alloc_workqueue("wg-crypt-%s", WQ_CPU_INTENSIVE | WQ_MEM_RECLAIM | WG_WQ_PERCPU, 0,
			       name);
}

struct workqueue_struct *wg_workqueue_kex(const char *name)
{
	return alloc_workqueue("wg-kex-%s", WQ_CPU_INTENSIVE | WQ_FREEZABLE | WG_WQ_PERCPU, 0,
			       name);
}

void wg_workqueue_destroy(struct workqueue_struct *wq)
{
	destroy_workqueue(wq);
}

void wg_workqueue_flush(struct workqueue_struct *wq)
{
	flush_workqueue(wq);
}

void wg_work_init(struct work_struct *work, work_func_t func)
{
	INIT_WORK(work, func);
}

bool wg_work_queue_on(u32 cpu, struct workqueue_struct *wq, struct work_struct *work)
{
	return queue_work_on(cpu, wq, work);
}

bool wg_work_queue(struct workqueue_struct *wq, struct work_struct *work)
{
	return queue_work(wq, work);
}

void wg_timer_init(struct timer_list *timer, void (*func)(struct timer_list *))
{
	timer_setup(timer, func, 0);
}

/* Arms or re-arms; true if the timer was not pending before. Never early, at most a tick late. */
bool wg_timer_arm(struct timer_list *timer, u64 delay_ns)
{
	return !mod_timer(timer, jiffies + nsecs_to_jiffies(delay_ns) + 1);
}

/* Waits for a running callback; true if the timer was pending and now never runs. */
bool wg_timer_cancel_sync(struct timer_list *timer)
{
#if WG_HAVE_TIMER_DELETE_SYNC
	return timer_delete_sync(timer);
#else
	return del_timer_sync(timer);
#endif
}

u64 wg_jiffies_ns(void)
{
	return jiffies64_to_nsecs(get_jiffies_64());
}

/* Counts time asleep, so that keys age while a laptop is suspended. */
u64 wg_boottime_ns(void)
{
	return ktime_get_coarse_boottime_ns();
}

void wg_realtime(u64 *secs, u32 *nanos)
{
	struct timespec64 now;

	ktime_get_real_ts64(&now);
	*secs = now.tv_sec;
	*nanos = now.tv_nsec;
}

bool wg_random_ready(void)
{
	return rng_is_initialized();
}

void wg_random_bytes(u8 *buf, size_t len)
{
	get_random_bytes(buf, len);
}

u64 wg_siphash(const u8 key[16], const u8 *data, size_t len)
{
	siphash_key_t k;

	memcpy(&k, key, sizeof(k));
	return siphash(data, len, &k);
}
