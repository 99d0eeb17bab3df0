-- What wrk asks of payment-api: payments, each under an id of its own. Tells at the end what was not answered with 202.
local threads = {}

function setup(thread)
    thread:set("number", #threads)
    table.insert(threads, thread)
end

function init()
    sent, refused = 0, 0
    headers = { ["Content-Type"] = "application/json" }
end

function request()
    sent = sent + 1
    return wrk.format("POST", "/payments", headers, string.format(
        '{"payment_id":"load-%d-%d","debtor_account":"bank","creditor_account":"shop","amount":1,"currency":"EUR"}',
        number, sent))
end

function response(status)
    if status ~= 202 then refused = refused + 1 end
end

function done(summary, latency)
    local total = 0
    for _, thread in ipairs(threads) do total = total + thread:get("refused") end
    local errors = summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout
    io.write(string.format("%.0f requests/s answered, p50 %.1f ms, p99 %.1f ms; %d not with 202, %d without an answer\n",
        summary.requests / summary.duration * 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3, total, errors))
end
