/* The simulator's only source of chance: splitmix64 (Steele, Lea, Flood 2014) from a seed. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sim_random {
	uint64_t state;
};

static inline uint64_t sim_random_next(struct sim_random *random)
{
	uint64_t z = random->state += 0x9e3779b97f4a7c15;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return z ^ (z >> 31);
}

/* 0 to limit - 1. */
static inline uint64_t sim_random_below(struct sim_random *random, uint64_t limit)
{
	return sim_random_next(random) % limit;
}

/* least to most, both possible. */
static inline uint64_t sim_random_between(struct sim_random *random, uint64_t least, uint64_t most)
{
	return least + sim_random_below(random, most - least + 1);
}

static inline bool sim_random_one_in(struct sim_random *random, uint64_t times)
{
	return sim_random_below(random, times) == 0;
}

static inline void sim_random_fill(struct sim_random *random, void *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++)
		((uint8_t *)bytes)[i] = (uint8_t)sim_random_next(random);
}
