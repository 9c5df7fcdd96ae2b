/* This broker's life in the eyes of the controller: registration (R5, R38), heartbeats, the lease
 * on announcing (S2), and leaving (R41). On the control thread. */
#pragma once

#include "broker/control_int.h"

struct registration;

struct registration *registration_new(struct control *control);
void registration_free(struct registration *registration); /* NULL is fine */

/* Every shard has applied a newer image: the controller may want to know at once. */
void registration_image_applied(struct registration *registration);

/* Another controller is known, or it has begun to serve: it is asked at once. */
void registration_leader_changed(struct registration *registration);

/* Asks the controller to be let go; control_close_logs() follows, at the latest after the session
 * time-out. */
void registration_stop(struct registration *registration);

/* Registered, unfenced, and the shards have applied that (S8). */
bool registration_is_serving(const struct registration *registration);
