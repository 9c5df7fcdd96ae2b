/* Draws what the mirroring program may meet: mirror sets, and frames that leave the node; mostly
 * plausible ones (see steer_draw.h). The same seed draws the same. */
#pragma once

#include "bpf/mirror_model.h"
#include "sim/sim_random.h"

/* Copies leave by if_index. */
void mirror_draw_world(struct sim_random *random, uint32_t if_index,
		       struct mirror_model *ret_model);
/* At least 14 bytes; never a super-packet. */
void mirror_draw_frame(struct sim_random *random, const struct mirror_model *m,
		       struct mirror_frame *ret_frame);
