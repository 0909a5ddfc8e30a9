// SPDX-License-Identifier: GPL-2.0
/* register_random_vmfork_notifier(): a virtual machine was cloned (5.18) */
#include <linux/notifier.h>
#include <linux/random.h>

int probe(struct notifier_block *nb)
{
	return register_random_vmfork_notifier(nb);
}
