/* Our filter's place on an interface's clsact hooks. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <bpf/libbpf.h>

/* Removes what an earlier life left at our place; mostly there is nothing. Other programs stay. */
void tc_hook_clear(uint32_t if_index, enum bpf_tc_attach_point side);
/* Returns 0 or -errno. */
int tc_hook_attach(uint32_t if_index, enum bpf_tc_attach_point side, int program);
/* Is there a program at our place? */
bool tc_hook_is_taken(uint32_t if_index, enum bpf_tc_attach_point side);
