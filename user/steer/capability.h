/* Which of the three capabilities this process has. */
#pragma once

#include <stdbool.h>

/* Returns the first one that is missing ("CAP_NET_ADMIN"), or NULL. with_bpf: to load programs. */
const char *capability_missing(bool with_bpf);
