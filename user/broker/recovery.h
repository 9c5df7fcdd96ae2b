/* What the last run left behind: is everything there that this broker had reported as durable
 * (R38)? Recovers every partition's log (R45) before the loops run. */
#pragma once

#include "broker/broker.h"
#include "plog/plog.h"
#include "wire/messages.h"

struct recovery {
	bool was_clean;         /* the last run ended by a clean shutdown */
	bool is_durable;        /* R38: this start may keep its places in ISRs */
	int64_t previous_epoch; /* -1: unknown */
	struct broker_registration_request_cut_partition *cuts; /* R45 */
	int32_t cut_count;
	struct uuid *corrupt; /* topic ids of logs that are corrupt (R48): opened with care */
	int32_t corrupt_count;
};

/* WAITS. Returns 0 or -errno after an error line. */
int recovery_run(struct env *env, const struct broker_settings *settings,
		 const struct plog_options *options, struct recovery **ret_recovery);
void recovery_free(struct recovery *recovery); /* NULL is fine */

bool recovery_is_corrupt(const struct recovery *recovery, struct uuid topic_id);
