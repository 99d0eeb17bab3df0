// Outcomes by types that are generated from docs/schemas: types.rs compiles this beside them.
import type { GiroPaymentDeclinedV1 as PaymentDeclined } from "./giro.payment.declined.v1.js";
import type { GiroPaymentSettledV1 as PaymentSettled } from "./giro.payment.settled.v1.js";
import type { GiroRefundDeclinedV1 as RefundDeclined } from "./giro.refund.declined.v1.js";
import type { GiroRefundSettledV1 as RefundSettled } from "./giro.refund.settled.v1.js";

export type { PaymentDeclined, PaymentSettled, RefundDeclined, RefundSettled };
export type Outcome = PaymentSettled | PaymentDeclined | RefundSettled | RefundDeclined;

/** What was asked to move, in minor units. */
function amount(outcome: Outcome): number {
  if ("legs" in outcome && outcome.legs) {
    let sum = 0;
    for (const leg of outcome.legs) sum += leg.amount;
    return sum;
  }
  return outcome.amount ?? 0;
}

export function line(name: string, outcome: Outcome): string {
  const why = outcome.reason ? outcome.reason.name : outcome.status;
  return `${name} ${outcome.payment_id} ${amount(outcome)} ${why} ${outcome.source.offset}`;
}
