"""What a failed assertion on what was enqueued says, line by line."""

NEAREST_TESTS = """
def test_types(taskq):
    taskq.enqueue(job(receipt, 7))
    taskq.enqueue(job(charge, "7", {"token": "tok_1", "name": "Ann"}))
    taskq.enqueue(job(charge, 8, {"token": "tok_2"}, 0))
    taskq.assert_enqueued(
        job(charge, cart_id=7, card={"token": ANY}, cents=IsPositiveInt), queue="mail"
    )

def test_missing(taskq):
    taskq.enqueue(job(charge, 7, {"token": "tok_1"}))
    taskq.assert_enqueued(job(charge, card={"owner": str}, cents=lambda cents: cents < 9))

def test_raising(taskq):
    taskq.enqueue(job(charge, None))
    taskq.assert_enqueued(job(charge, lambda cart_id: cart_id > 3))

def test_time(taskq):
    taskq.enqueue(job(charge, 7), at="2d")
    taskq.assert_enqueued(job(charge, 7), at=timedelta(days=3))

def test_long(taskq):
    taskq.enqueue(job(receipt, 7, "x" * 80 + " Ann, " + "y" * 60))
    taskq.assert_enqueued(job(receipt, 7, "x" * 80 + " Bob, " + "y" * 60))
"""
NEAREST_TEXT = """
test_types:
AssertionError: taskq.assert_enqueued: no job matches job(charge, cart_id=7, card={'token':
    <ANY>}, cents=IsPositiveInt), queue='mail'
nearest of 3 enqueued: #2 charge('7', {'token': ***, 'name': 'Ann'})
    cart_id     expected 7 (int)        got '7' (str)  <- differs only in type
    card.token  expected <ANY>          got ***        ok
    cents       expected IsPositiveInt  got 1299       ok
    queue       expected 'mail'         got 'default'  <-
the others are
    #1 receipt(7)  queued
    #3 charge(8, {'token': ***}, 0)  queued

test_missing:
AssertionError: taskq.assert_enqueued: no job matches job(charge, card={'owner': str},
    cents=<lambda>)
the only one enqueued: #1 charge(7, {'token': ***})
    card.owner  expected str       missing   <-
    cents       expected <lambda>  got 1299  <-

test_raising:
AssertionError: taskq.assert_enqueued: no job matches job(charge, <lambda>)
the only one enqueued: #1 charge(None)
    cart_id  expected <lambda>  got None  <- comparing raised TypeError: '>' not suppor...

test_time:
AssertionError: taskq.assert_enqueued: no job matches job(charge, 7), at=3 d
the only one enqueued: #1 charge(7)
    cart_id  expected 7                     got 7                     ok
    at       expected 2030-01-04 00:00:00Z  got 2030-01-03 00:00:00Z  <- 1 d early

test_long:
AssertionError: taskq.assert_enqueued: no job matches job(receipt, 7, 'xxxxxxxxxxxxxxxxxxxx
    xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx Bob,
    yyyyyyyyyy...)
the only one enqueued: #1 receipt(7, 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...)
    cart_id  expected 7                              got 7                              ok
    text     expected ...xxxxxxx Bob, yyyyyyyyyy...  got ...xxxxxxx Ann, yyyyyyyyyy...  <-
"""


def test_the_nearest_candidate_is_compared_field_by_field(check):
    check(NEAREST_TESTS, NEAREST_TEXT)


def test_nothing_at_all_and_nothing_of_that_task(check):
    check(
        """
def test_empty(taskq):
    taskq.assert_enqueued(job(charge))

@pytest.mark.asyncio
@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited")
async def test_not_awaited(taskq, docket):
    docket.add(receipt)(7)
    taskq.assert_enqueued(receipt)

def test_others(taskq):
    taskq.enqueue(job(receipt, 7))
    taskq.assert_enqueued(charge)

def test_nearly_a_name(taskq):
    taskq.enqueue(job(receipt, 7))
    taskq.assert_enqueued("recipt")

def test_captured(taskq):
    taskq.enqueue(job(receipt, 7))
    with taskq.capture() as new:
        pass
    new.assert_enqueued(receipt)
""",
        """
test_empty:
AssertionError: taskq.assert_enqueued: no job matches job(charge)
nothing was enqueued

test_not_awaited:
AssertionError: taskq.assert_enqueued: no job matches job(receipt)
nothing was enqueued; was a call not awaited?

test_others:
AssertionError: taskq.assert_enqueued: no job matches job(charge)
no job of that task was enqueued, only
    #1 receipt(7)  queued

test_nearly_a_name:
AssertionError: taskq.assert_enqueued: no job matches job(recipt)
There is no task 'recipt'. The nearest is 'receipt'.

test_captured:
AssertionError: captured.assert_enqueued: no job matches job(receipt)
nothing was enqueued
1 such job was enqueued before the block
""",
    )


COUNTS_TESTS = """
def enqueue(taskq, *carts):
    for cart in carts:
        taskq.enqueue(job(charge, cart))

def test_twice(taskq):
    enqueue(taskq, 7, 7, 8)
    taskq.assert_enqueued(job(charge, 7))

def test_too_few(taskq):
    enqueue(taskq, 7)
    taskq.assert_enqueued(charge, times=2)

def test_not_at_all(taskq):
    enqueue(taskq, 7)
    taskq.assert_not_enqueued(charge)

def test_nothing(taskq):
    enqueue(taskq, 7, 8)
    taskq.assert_not_enqueued()

def test_many(taskq):
    enqueue(taskq, *range(30))
    taskq.assert_not_enqueued(charge)

def test_order(taskq):
    taskq.enqueue(job(receipt, 7))
    enqueue(taskq, 8, 9)
    taskq.assert_enqueued([job(charge, 7), job(charge, 8)])

def test_options(taskq):
    enqueue(taskq, 7, 8)
    taskq.assert_enqueued([job(charge, 7), job(charge, 8)], queue="mail")
"""
COUNTS_TEXT = """
test_twice:
AssertionError: taskq.assert_enqueued: expected job(charge, 7) 1 time, got 2
    #1 charge(7)  queued
    #2 charge(7)  queued
Say times=2 if that is meant, or name more of its arguments.

test_too_few:
AssertionError: taskq.assert_enqueued: expected job(charge) 2 times, got 1
    #1 charge(7)  queued

test_not_at_all:
AssertionError: taskq.assert_not_enqueued: expected no job(charge), got 1
    #1 charge(7)  queued

test_nothing:
AssertionError: taskq.assert_not_enqueued: expected no job, got 2
    #1 charge(7)  queued
    #2 charge(8)  queued

test_many:
AssertionError: taskq.assert_not_enqueued: expected no job(charge), got 30
    #1 charge(0)  queued
    #2 charge(1)  queued
    #3 charge(2)  queued
    #4 charge(3)  queued
    #5 charge(4)  queued
    ... 20 more ...
    #26 charge(25)  queued
    #27 charge(26)  queued
    #28 charge(27)  queued
    #29 charge(28)  queued
    #30 charge(29)  queued

test_order:
AssertionError: taskq.assert_enqueued: expected exactly 2 jobs in this order
    1. expected job(charge, 7)  got #1 receipt(7)  <-
    2. expected job(charge, 8)  got #2 charge(8)   ok
    3. expected nothing more    got #3 charge(9)   <-

test_options:
AssertionError: taskq.assert_enqueued: expected exactly 2 jobs in this order, queue='mail'
    1. expected job(charge, 7)  got #1 charge(7)  <- queue
    2. expected job(charge, 8)  got #2 charge(8)  <- queue
"""


def test_counts_and_orders(check):
    check(COUNTS_TESTS, COUNTS_TEXT)
