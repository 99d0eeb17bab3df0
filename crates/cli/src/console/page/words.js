// Names of reasons, in words. docs/payments.md and docs/accounts.md say more about each.

const DECLINES = {
  original_not_found: "the original of the refund has no outcome",
  not_refundable: "the original is not a payment",
  original_not_settled: "the original was declined",
  refund_mismatch: "the refund does not fit its original",
  same_account: "debtor and creditor are one account",
  debtor_not_found: "no account has the debtor's id",
  creditor_not_found: "no account has the creditor's id",
  debtor_closed: "the debtor's account is closed",
  creditor_closed: "the creditor's account is closed",
  debtor_frozen: "the debtor's account is frozen",
  creditor_frozen: "the creditor's account is frozen",
  currency_mismatch: "amount, debtor and creditor are not all of one currency",
  leg_debtor_not_allowed: "a leg takes more from another account than earlier legs left it",
  payment_limit: "it is more than the debtor allows one payment to take",
  velocity_limit: "the debtor's payments would take more in a window than is allowed",
  exceeds_refundable: "the refunds would sum to more than the original",
  balance_limit: "the creditor would hold more than its maximum balance",
  balance_overflow: "a balance would be larger than a balance can be",
  insufficient_funds: "the debtor's balance would fall below its overdraft limit",
};

const DEAD_LETTERS = {
  tombstone: "the record has no value",
  not_base64: "the event's value is not base64",
  not_utf8: "the value is not UTF-8",
  not_json: "the value is not JSON",
  not_an_object: "the value is not a JSON object",
  missing_field: "a required field is missing",
  duplicate_field: "a field is given twice",
  invalid_field: "a field has a value that it can't have",
  payment_id_reused: "another request has this id",
  command_id_reused: "another command has this id",
};

/** A name without its underscores. */
export const plain = (name) => String(name).replaceAll("_", " ");

/** Why a payment was declined. `reason` is as an outcome has it. */
export function declined(reason) {
  const words = DECLINES[reason.name] ?? plain(reason.name);
  const period = reason.period ? ` (window: ${reason.period})` : "";
  return `${words}${period}`;
}

/** Why a record is a dead letter, by the name of the reason. */
export const parked = (name) => DEAD_LETTERS[name] ?? plain(name);
