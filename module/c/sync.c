// SPDX-License-Identifier: GPL-2.0
/* Locks, RCU, bottom halves and CPU numbers: wrappers of what headers define inline. */
#include <linux/cpumask.h>
#include <linux/rtnetlink.h>
#include <linux/sched.h>
#include <linux/smp.h>
#include "wg.h"

static struct lock_class_key wg_lock_keys[WG_LOCK_CLASSES];
static const char *const wg_lock_names[WG_LOCK_CLASSES] = {
	[WG_LOCK_STAGED] = "wg_staged",
	[WG_LOCK_LANE] = "wg_lane",
	[WG_LOCK_CPU_QUEUE] = "wg_cpu_queue",
	[WG_LOCK_ARRIVED] = "wg_arrived",
	[WG_LOCK_SCRATCH] = "wg_scratch",
	[WG_LOCK_HANDSHAKE] = "wg_handshake",
	[WG_LOCK_COOKIE] = "wg_cookie",
	[WG_LOCK_KEYPAIRS] = "wg_keypairs",
	[WG_LOCK_REPLAY] = "wg_replay",
	[WG_LOCK_ENDPOINT] = "wg_endpoint",
	[WG_LOCK_TIMERS] = "wg_timers",
	[WG_LOCK_IDENTITY] = "wg_identity",
	[WG_LOCK_TABLE] = "wg_table",
	[WG_LOCK_KEX_QUEUE] = "wg_kex_queue",
	[WG_LOCK_STATICS] = "wg_statics",
	[WG_LOCK_LIMITER] = "wg_limiter",
};

void wg_spin_init(spinlock_t *lock, u32 class_id)
{
	u32 class = min_t(u32, class_id, WG_LOCK_CLASSES - 1);

	spin_lock_init(lock);
	lockdep_set_class_and_name(lock, &wg_lock_keys[class], wg_lock_names[class]);
}

void wg_spin_lock_bh(spinlock_t *lock)
{
	spin_lock_bh(lock);
}

void wg_spin_unlock_bh(spinlock_t *lock)
{
	spin_unlock_bh(lock);
}

void wg_rcu_read_lock(void)
{
	rcu_read_lock();
}

void wg_rcu_read_unlock(void)
{
	rcu_read_unlock();
}

void wg_call_rcu(struct rcu_head *head, rcu_callback_t func)
{
	call_rcu(head, func);
}

void wg_synchronize_net(void)
{
	synchronize_net();
}

void wg_rcu_barrier(void)
{
	rcu_barrier();
}

void wg_rtnl_lock(void)
{
	rtnl_lock();
}

void wg_rtnl_unlock(void)
{
	rtnl_unlock();
}

void wg_bh_disable(void)
{
	local_bh_disable();
}

void wg_bh_enable(void)
{
	local_bh_enable();
}

static DEFINE_PER_CPU(bool, wg_at_once);

/*
 * Bottom halves go off, unless something on this CPU is being done at once already: a packet that
 * is sent from within may come by again (a tunnel in a tunnel), and the stack is short.
 */
bool wg_at_once_begin(void)
{
	bool begun;

	local_bh_disable();
	begun = !__this_cpu_read(wg_at_once);
	if (begun)
		__this_cpu_write(wg_at_once, true);
	else
		local_bh_enable();
	return begun;
}

void wg_at_once_end(void)
{
	__this_cpu_write(wg_at_once, false);
	local_bh_enable();
}

void wg_cond_resched(void)
{
	cond_resched();
}

u32 wg_nr_cpus(void)
{
	return nr_cpu_ids;
}

u32 wg_online_cpus(void)
{
	return num_online_cpus();
}

u32 wg_this_cpu(void)
{
	return raw_smp_processor_id();
}

/*
 * The online CPU after `after`, round and round. A CPU that goes offline after the choice is no
 * harm: what is queued on it is run by its pool's unbound workers.
 */
u32 wg_next_online_cpu(u32 after)
{
	u32 cpu = cpumask_next(min_t(u32, after, nr_cpu_ids - 1), cpu_online_mask);

	return cpu < nr_cpu_ids ? cpu : cpumask_first(cpu_online_mask);
}
