#!/bin/sh
# Runs the tests on a mutant: those first that decide a rule by themselves, which neither take long nor can wait for ever;
# then what is quick; then what tries many worlds. The first failure ends it. (The stable harness stops there only if it is
# allowed what is unstable. Set here, and not for the compiler, which would build everything again.)
export RUSTC_BOOTSTRAP=1 RUST_BACKTRACE=0
# A mutant that never ends may ask for memory without end.
ulimit -v 4194304
first="domain:: store:: it::plan it::store_contract"
worlds="every_order while_payments_run never_move_money never_overdraw never_lose_or_double
    never_decided_out_of_order decides_each_payment_once decide_each_once one_by_one a_thousand gets_all_done never_meet
    conflict_and_heal add_up lanes_is_one page_of_declined wire::every_element
    wire::a_payment_reads wire::an_outcome_reads account_commands::a_command_reads usual_form"
skip() { for name in "$@"; do printf -- '--skip %s ' "$name"; done; }
# Words are to be split: no name holds a space.
# shellcheck disable=SC2046,SC2086
"$@" $(skip $worlds) $first && "$@" $(skip $worlds $first) && exec "$@" $worlds
