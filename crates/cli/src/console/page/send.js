// The form that sends a payment.
