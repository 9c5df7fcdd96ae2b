/* MoveSlot (ours, for bwctl): moves a slot and elects its partitions' leaders, in one batch (S1).
 */
#include "broker/active_controller.h"
#include "broker/request.h"

static void move_reply(struct request *request, int16_t error, const char *sentence,
		       int64_t slot_epoch)
{
	request_reply(request, &(struct move_slot_response){
				       .error_code = error,
				       .error_message = wire_string_of(sentence),
				       .slot_epoch = slot_epoch,
			       });
}

static void move_committed(struct proposal *proposal, enum kafka_error error)
{
	struct request *request = proposal->context;
	const struct move_slot_request *body = request->body;
	const struct image_slot *slot =
		image_find_slot(proposal->control->worker.image, body->slot);

	move_reply(request, (int16_t)error, NULL, error == KAFKA_NONE && slot ? slot->epoch : -1);
}

void api_move_slot_refuse(struct request *request, int16_t error)
{
	move_reply(request, error, "no controller answers", -1);
}

void api_move_slot(struct request *request)
{
	const struct move_slot_request *body = request->body;
	struct control *control = control_of(request);
	const char *sentence = NULL;
	struct proposal *proposal;
	enum kafka_error error;

	if (!control || !control->active) {
		move_reply(request, KAFKA_NOT_CONTROLLER, "not the controller", -1);
		return;
	}
	proposal = proposal_new(control->active, move_committed, request);
	error = controller_move_slot(active_controller_image(control->active),
				     active_controller_options(control->active), body->slot,
				     body->to, &proposal->change, &sentence);
	if (error == KAFKA_NONE) {
		proposal_send(control->active, proposal);
		return;
	}
	proposal_drop(proposal);
	move_reply(request, (int16_t)error, sentence, -1);
}
