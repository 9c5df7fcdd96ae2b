/* From a member, as a callback gets it, to the struct that holds it. */
#pragma once

#include <stddef.h>

#define container_of(pointer, type, member) ((type *)((char *)(pointer)-offsetof(type, member)))
