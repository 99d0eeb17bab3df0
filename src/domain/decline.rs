//! What: The reasons why a payment or a refund is declined, in the order in which they are checked.
//!
//! A decline is a business answer: it is stored as the outcome and acknowledged, never retried.
//!
//! Invariants: [`Decline::ALL`] is in precedence order: the first reason that holds is the answer. A name is never
//! reused and never renamed, because clients and stored payments hold it.

use std::fmt;

use super::Period;

/// Why an instruction was declined. The order of the variants is the order of the checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Decline {
    /// The original of a refund has no outcome.
    OriginalNotFound,
    /// The original of a refund is not a payment.
    NotRefundable,
    /// The original of a refund was declined.
    OriginalNotSettled,
    /// The refund's debtor is not the creditor of its original.
    RefundMismatch,
    /// Debtor and creditor are the same account.
    SameAccount,
    /// No account has the debtor's id.
    DebtorNotFound,
    /// No account has the creditor's id.
    CreditorNotFound,
    /// The debtor account is closed.
    DebtorClosed,
    /// The creditor account is closed.
    CreditorClosed,
    /// The debtor account is frozen.
    DebtorFrozen,
    /// The creditor account is frozen.
    CreditorFrozen,
    /// The payment, the debtor account and the creditor account are not all of one currency.
    CurrencyMismatch,
    /// A leg takes from an account that has a limit, is not the payment's debtor, and was not paid enough by the legs
    /// before.
    LegDebtorNotAllowed,
    /// The payment is larger than the debtor allows a payment to be.
    PaymentLimit,
    /// With this payment, the payments of the debtor would take more in this period than it allows, or would be more.
    VelocityLimit(Period),
    /// The refunds of the original would sum to more than its amount, or nothing is left of it.
    ExceedsRefundable,
    /// The creditor would hold more than its maximum.
    BalanceLimit,
    /// A balance would be larger than a balance can be.
    BalanceOverflow,
    /// The debtor's balance would fall below its overdraft limit.
    InsufficientFunds,
}

/// The accounts on whose balance a decline depends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BalanceOf {
    /// The debtor's alone.
    Debtor,
    /// The creditor's alone.
    Creditor,
    /// The debtor's and the creditor's.
    Both,
}

/// Of what a decline tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Concern {
    /// Of the request alone, or of what its own debtor knows anyway.
    Request,
    /// Of the debtor.
    Debtor,
    /// Of the creditor, or of both accounts.
    Creditor,
    /// Of the original of a refund, which may be anybody's.
    Original,
}

impl Decline {
    /// Every reason with its name and code. [`name`](Self::name), [`code`](Self::code) and
    /// [`from_name`](Self::from_name) all use this table. The reason of a window has a row for each period, because its
    /// name and its [`period`](Self::period) are told apart.
    ///
    /// Source of the codes: ISO 20022 external code set `ExternalStatusReason1Code`. If no code fits a reason, it has
    /// none.
    pub const ALL: [(Self, &'static str, Option<&'static str>); 21] = [
        (Self::OriginalNotFound, "original_not_found", None),
        (Self::NotRefundable, "not_refundable", Some("AG13")),
        (Self::OriginalNotSettled, "original_not_settled", None),
        (Self::RefundMismatch, "refund_mismatch", None),
        (Self::SameAccount, "same_account", None),
        (Self::DebtorNotFound, "debtor_not_found", Some("AC02")),
        (Self::CreditorNotFound, "creditor_not_found", Some("AC03")),
        (Self::DebtorClosed, "debtor_closed", Some("AC05")),
        (Self::CreditorClosed, "creditor_closed", Some("AC07")),
        (Self::DebtorFrozen, "debtor_frozen", Some("AC06")),
        (Self::CreditorFrozen, "creditor_frozen", Some("AC06")),
        (Self::CurrencyMismatch, "currency_mismatch", Some("AM03")),
        (Self::LegDebtorNotAllowed, "leg_debtor_not_allowed", Some("AG01")),
        (Self::PaymentLimit, "payment_limit", Some("AM14")),
        (Self::VelocityLimit(Period::Hour), "velocity_limit", Some("AM21")),
        (Self::VelocityLimit(Period::Day), "velocity_limit", Some("AM21")),
        (Self::VelocityLimit(Period::Month), "velocity_limit", Some("AM21")),
        (Self::ExceedsRefundable, "exceeds_refundable", Some("AM02")),
        (Self::BalanceLimit, "balance_limit", None),
        (Self::BalanceOverflow, "balance_overflow", None),
        (Self::InsufficientFunds, "insufficient_funds", Some("AM04")),
    ];

    fn row(self) -> &'static (Self, &'static str, Option<&'static str>) {
        const ROWS: &[(Decline, &str, Option<&str>); 21] = &Decline::ALL;
        // Every variant has its row (a test holds it), so the fall-back is never used.
        ROWS.iter().find(|row| row.0 == self).unwrap_or(&ROWS[0])
    }

    /// The stable name, as stored and published.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.row().1
    }

    /// The ISO 20022 external status reason code, if one fits.
    #[must_use]
    pub fn code(self) -> Option<&'static str> {
        self.row().2
    }

    /// On whose balance the reason depends; `None` if on nobody's. A balance moves with every payment, so such a
    /// decline needs a balance that was read at the right moment.
    #[must_use]
    pub const fn depends_on_balance(self) -> Option<BalanceOf> {
        match self {
            Self::InsufficientFunds => Some(BalanceOf::Debtor),
            Self::BalanceLimit => Some(BalanceOf::Creditor),
            Self::BalanceOverflow => Some(BalanceOf::Both),
            Self::OriginalNotFound
            | Self::NotRefundable
            | Self::OriginalNotSettled
            | Self::RefundMismatch
            | Self::SameAccount
            | Self::DebtorNotFound
            | Self::CreditorNotFound
            | Self::DebtorClosed
            | Self::CreditorClosed
            | Self::DebtorFrozen
            | Self::CreditorFrozen
            | Self::CurrencyMismatch
            | Self::LegDebtorNotAllowed
            | Self::PaymentLimit
            | Self::VelocityLimit(_)
            | Self::ExceedsRefundable => None,
        }
    }

    /// Of what it tells. Whoever may not see that must not be told the reason.
    #[must_use]
    pub const fn concerns(self) -> Concern {
        match self {
            Self::OriginalNotFound | Self::NotRefundable | Self::OriginalNotSettled | Self::RefundMismatch => {
                Concern::Original
            }
            Self::SameAccount | Self::ExceedsRefundable => Concern::Request,
            Self::DebtorNotFound
            | Self::DebtorClosed
            | Self::DebtorFrozen
            | Self::LegDebtorNotAllowed
            | Self::PaymentLimit
            | Self::VelocityLimit(_)
            | Self::InsufficientFunds => Concern::Debtor,
            Self::CreditorNotFound
            | Self::CreditorClosed
            | Self::CreditorFrozen
            | Self::CurrencyMismatch
            | Self::BalanceLimit
            | Self::BalanceOverflow => Concern::Creditor,
        }
    }

    /// The period whose window is used up. `None` for every other reason.
    #[must_use]
    pub const fn period(self) -> Option<Period> {
        if let Self::VelocityLimit(period) = self { Some(period) } else { None }
    }

    /// The reason of that name and period.
    #[must_use]
    pub fn from_name(name: &str, period: Option<Period>) -> Option<Self> {
        Self::ALL.into_iter().map(|row| row.0).find(|it| it.name() == name && it.period() == period)
    }

    /// The code of the reason of that name, whatever its period. `None` if it has none, or if no reason has this name.
    #[must_use]
    pub fn code_of(name: &str) -> Option<&'static str> {
        Self::ALL.into_iter().find(|row| row.1 == name)?.2
    }

    /// Whether a reason has this name.
    #[must_use]
    pub fn is_name(name: &str) -> bool {
        Self::ALL.iter().any(|row| row.1 == name)
    }
}

impl fmt::Display for Decline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_codes_and_order_are_the_contract() {
        let table: Vec<String> =
            Decline::ALL.iter().map(|(_, name, code)| format!("{name} {}", code.unwrap_or("-"))).collect();
        expect_test::expect![[r#"
            original_not_found -
            not_refundable AG13
            original_not_settled -
            refund_mismatch -
            same_account -
            debtor_not_found AC02
            creditor_not_found AC03
            debtor_closed AC05
            creditor_closed AC07
            debtor_frozen AC06
            creditor_frozen AC06
            currency_mismatch AM03
            leg_debtor_not_allowed AG01
            payment_limit AM14
            velocity_limit AM21
            velocity_limit AM21
            velocity_limit AM21
            exceeds_refundable AM02
            balance_limit -
            balance_overflow -
            insufficient_funds AM04"#]]
        .assert_eq(&table.join("\n"));
        assert!(Decline::ALL.is_sorted_by(|a, b| a.0 < b.0), "the table is in the order of the variants");
        for (decline, name, code) in Decline::ALL {
            assert_eq!((decline.name(), decline.code(), Decline::code_of(name)), (name, code, code));
            assert_eq!(Decline::from_name(name, decline.period()), Some(decline));
            assert!(Decline::is_name(name));
        }
        for (name, period) in [("velocity_limit", None), ("payment_limit", Some(Period::Day)), ("gone", None)] {
            assert_eq!(Decline::from_name(name, period), None, "{name}");
        }
    }

    /// The checks that look at balances come last, so the reasons that depend on one do too.
    #[test]
    fn reasons_that_depend_on_a_balance_are_checked_last() {
        let depends: Vec<_> = Decline::ALL.into_iter().map(|(decline, ..)| decline.depends_on_balance()).collect();
        assert_eq!(depends[..18], [None; 18]);
        assert_eq!(depends[18..], [Some(BalanceOf::Creditor), Some(BalanceOf::Both), Some(BalanceOf::Debtor)]);
    }
}
