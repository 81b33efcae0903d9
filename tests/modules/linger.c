// SPDX-License-Identifier: GPL-2.0-only
/*
 * For tests: a program stays in the kernel behind certain functions until it
 * is told to go on, so that a race which is a microsecond wide is open for as
 * long as the test needs. Its processor is busy meanwhile: what the race is
 * with needs another one.
 */
#include <linux/delay.h>
#include <linux/kprobes.h>
#include <linux/module.h>
#include <linux/sched.h>

#define MAX_FUNCTIONS	4
#define MAX_MSECS	20000

static char *functions[MAX_FUNCTIONS];
static int nr_functions;
module_param_array(functions, charp, &nr_functions, 0444);
MODULE_PARM_DESC(functions, "of the kernel, or of a module that is loaded");

static char *program = "dmsetup";
module_param(program, charp, 0444);
MODULE_PARM_DESC(program, "that stays behind them");

static char *where = "";
module_param(where, charp, 0444);
MODULE_PARM_DESC(where, "the function behind which it is now");

static unsigned int go;
module_param(go, uint, 0644);
MODULE_PARM_DESC(go, "1: it goes on, once; 2: it stays nowhere any more");

static struct kretprobe probes[MAX_FUNCTIONS];
static struct kretprobe *registered[MAX_FUNCTIONS];

static int linger(struct kretprobe_instance *instance, struct pt_regs *regs)
{
	unsigned int left = MAX_MSECS;

	if (strcmp(current->comm, program))
		return 0;

	WRITE_ONCE(where, (char *)get_kretprobe(instance)->kp.symbol_name);
	while (!READ_ONCE(go) && left--)
		mdelay(1);
	WRITE_ONCE(where, "");
	cmpxchg(&go, 1, 0);
	return 0;
}

static int __init linger_init(void)
{
	int i;

	for (i = 0; i < nr_functions; i++) {
		probes[i].kp.symbol_name = functions[i];
		probes[i].handler = linger;
		registered[i] = &probes[i];
	}
	return register_kretprobes(registered, nr_functions);
}

static void __exit linger_exit(void)
{
	unregister_kretprobes(registered, nr_functions);
}

module_init(linger_init);
module_exit(linger_exit);

MODULE_DESCRIPTION("a program that lingers in the kernel, for tests");
MODULE_LICENSE("GPL");
