/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The gate: what every operation of `run` passes. It keeps the operations in
 * flight from overlapping, which makes the order of writes to a block total,
 * and it can be closed (pause) and taken down (stop).
 */
#ifndef ORACLE_GATE_H
#define ORACLE_GATE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#define GATE_MAX_THREADS	256

struct range {
	uint64_t first;
	uint64_t nr;
};

struct gate {
	pthread_mutex_t lock;	/* guards all below */
	pthread_cond_t changed;
	bool paused, stopped;
	unsigned int nr_threads, in_flight;
	struct range held[GATE_MAX_THREADS];	/* by thread; nr 0: none */
};

void gate_init(struct gate *gate, unsigned int nr_threads);

/* Wait until @range is free, then hold it. False: stopped, nothing is held. */
bool gate_enter(struct gate *gate, unsigned int thread, struct range range);
void gate_leave(struct gate *gate, unsigned int thread);

/* Returns when nothing is in flight; nothing enters until gate_resume(). */
void gate_pause(struct gate *gate);
void gate_resume(struct gate *gate);
void gate_stop(struct gate *gate);

#endif
