// SPDX-License-Identifier: GPL-2.0-only
#include <string.h>

#include "gate.h"

void gate_init(struct gate *gate, unsigned int nr_threads)
{
	memset(gate, 0, sizeof(*gate));
	pthread_mutex_init(&gate->lock, NULL);
	pthread_cond_init(&gate->changed, NULL);
	gate->nr_threads = nr_threads;
}

static bool is_free(const struct gate *gate, struct range range)
{
	for (unsigned int i = 0; i < gate->nr_threads; i++) {
		struct range held = gate->held[i];

		if (held.nr && range.first < held.first + held.nr &&
		    held.first < range.first + range.nr)
			return false;
	}
	return true;
}

bool gate_enter(struct gate *gate, unsigned int thread, struct range range)
{
	bool entered;

	pthread_mutex_lock(&gate->lock);
	while (!gate->stopped && (gate->paused || !is_free(gate, range)))
		pthread_cond_wait(&gate->changed, &gate->lock);
	entered = !gate->stopped;
	if (entered) {
		gate->held[thread] = range;
		gate->in_flight++;
	}
	pthread_mutex_unlock(&gate->lock);
	return entered;
}

void gate_leave(struct gate *gate, unsigned int thread)
{
	pthread_mutex_lock(&gate->lock);
	gate->held[thread].nr = 0;
	gate->in_flight--;
	pthread_cond_broadcast(&gate->changed);
	pthread_mutex_unlock(&gate->lock);
}

void gate_pause(struct gate *gate)
{
	pthread_mutex_lock(&gate->lock);
	gate->paused = true;
	while (gate->in_flight)
		pthread_cond_wait(&gate->changed, &gate->lock);
	pthread_mutex_unlock(&gate->lock);
}

void gate_resume(struct gate *gate)
{
	pthread_mutex_lock(&gate->lock);
	gate->paused = false;
	pthread_cond_broadcast(&gate->changed);
	pthread_mutex_unlock(&gate->lock);
}

void gate_stop(struct gate *gate)
{
	pthread_mutex_lock(&gate->lock);
	gate->stopped = true;
	pthread_cond_broadcast(&gate->changed);
	pthread_mutex_unlock(&gate->lock);
}
