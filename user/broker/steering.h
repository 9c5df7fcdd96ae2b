/* What this broker tells bwsteer (S2, S8): ties control facts to user/fastpath. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct broker;
struct control;
struct env;
struct mirror_members;

void steering_open(struct control *control);
void steering_close(struct control *control);

/* Every shard has applied a newer image. */
void steering_image_applied(struct control *control);
/* S2: the controller, or a voter in its place, vouched for this broker when it was asked, at
 * evidence_us. */
void steering_renew(struct control *control, uint64_t evidence_us);
/* The controller itself did, at evidence_us: verdicts that were found before are final now. */
void steering_confirm(struct control *control, uint64_t evidence_us);
/* The controller says that this broker is fenced: nobody vouches for it any more. */
void steering_is_fenced(struct control *control);
/* For heartbeats: does a bwsteer serve this broker? */
bool steering_is_served(const struct control *control);

/* From any loop: fastpath_mirror_is_cloned(). */
bool steering_mirror_is_cloned(const struct broker *broker, const struct mirror_members *members);

/* S4, from a shard's loop: the shard begins to release a slot's connections, or is through. Begun
 * before the image that moved it is reported as applied. */
void steering_release(struct broker *broker, struct env *from, int32_t slot, bool is_over);
