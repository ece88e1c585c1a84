-- The numbers of the jobs of a namespace, and the function that changes jobs.
-- {schema}, {lock}, {channel} and {jobs} are put in before it runs. Nothing here reads the time.
--
-- Writers of one namespace go one after the other, under an advisory lock that ends with their
-- transaction: it writes nothing, and unlike a lock on the table it stops neither readers nor
-- vacuum. Each statement after it sees what the writer before has committed.

CREATE SEQUENCE numbers AS bigint;

-- Each change of a batch lands or is refused on its own, in order. landed: the id of what was
-- written, NULL for a change that was refused, and then the name that was taken, if it was one,
-- and who has it.
--
-- integers and texts have the fields of one change after the other; {jobs} gives them names.
-- replaced: the version to be replaced, NULL for a new job. renamed: the change takes or leaves
-- names, or might have to wait for one; its own are those of wanted_names from first to last,
-- with four fields of holds to a name. Without wanted_names, a batch of new jobs, or of distinct
-- old ones, is one statement; landed has no place then for a change that was refused.
CREATE FUNCTION put(
    integers bigint[], texts text[], holds bigint[], wanted_names text[],
    OUT landed bigint[], OUT taken text[], OUT holders bigint[]
) LANGUAGE plpgsql AS $function$
DECLARE
    total integer := cardinality(texts) / 5;
    low integer := 0;
    high integer := total - 1;
    this record;
    stored_state text;
    held record;
BEGIN
    PERFORM pg_advisory_xact_lock({lock});
    IF wanted_names IS NULL AND integers[2] IS NULL THEN
        WITH done AS (
            INSERT INTO {schema}.jobs
            SELECT nextval('{schema}.numbers'), version, state, queue, task, key, urgency, rank,
                due_at, lease_until, wants, doc
            FROM {jobs} AS change
            RETURNING id
        )
        SELECT array_agg(id) INTO landed FROM done;
    ELSIF wanted_names IS NULL THEN
        WITH done AS (
            UPDATE {schema}.jobs SET
                version = change.version, state = change.state, queue = change.queue,
                task = change.task, key = change.key, urgency = change.urgency,
                rank = change.rank, due_at = change.due_at, lease_until = change.lease_until,
                wants = change.wants, doc = change.doc
            FROM {jobs} AS change
            WHERE jobs.id = change.id AND jobs.version = change.replaced
            RETURNING jobs.id
        )
        SELECT array_agg(id) INTO landed FROM done;
    ELSE
        landed := array_fill(NULL::bigint, ARRAY[total]);
        taken := array_fill(NULL::text, ARRAY[total]);
        holders := landed;
        <<each>>
        FOR place IN 0 .. total - 1 LOOP
            -- Not a loop over all of them: a cursor copies the arrays to where a look takes long.
            low := place;
            high := place;
            SELECT * INTO this FROM {jobs} AS change;
            stored_state := NULL;
            IF this.replaced IS NOT NULL THEN
                SELECT state INTO stored_state FROM {schema}.jobs
                    WHERE id = this.id AND version = this.replaced;
                CONTINUE WHEN NOT FOUND;
            END IF;
            -- A name that it holds from now on must have room for it, unless it has it already.
            FOR k IN this.first .. this.last LOOP
                CONTINUE WHEN holds[4 * k + 2] = 0;
                SELECT count(DISTINCT job) AS count, min(job) AS least,
                        coalesce(bool_or(job = this.id), false) AS own
                    INTO held FROM {schema}.names WHERE name = wanted_names[k + 1] AND holding;
                IF held.count >= holds[4 * k + 1] AND NOT held.own THEN
                    taken[this.n] := wanted_names[k + 1];
                    holders[this.n] := held.least;
                    CONTINUE each;
                END IF;
            END LOOP;
            -- Where there is a line, nobody may stand before it when it begins to run.
            FOR k IN this.first .. this.last LOOP
                EXIT WHEN this.state <> 'running' OR stored_state = 'running';
                CONTINUE WHEN holds[4 * k + 3] = 0 OR holds[4 * k + 4] IS NULL;
                IF EXISTS (
                    SELECT FROM {schema}.names WHERE name = wanted_names[k + 1] AND waiting
                        AND (line, job) < (holds[4 * k + 4], this.id)
                ) THEN
                    taken[this.n] := wanted_names[k + 1];
                    CONTINUE each;
                END IF;
            END LOOP;
            IF this.replaced IS NULL THEN
                this.id := nextval('{schema}.numbers');
                INSERT INTO {schema}.jobs VALUES (
                    this.id, this.version, this.state, this.queue, this.task,
                    this.key, this.urgency, this.rank, this.due_at, this.lease_until,
                    this.wants, this.doc
                );
            ELSE
                UPDATE {schema}.jobs SET
                    version = this.version, state = this.state, queue = this.queue,
                    task = this.task, key = this.key, urgency = this.urgency,
                    rank = this.rank, due_at = this.due_at,
                    lease_until = this.lease_until, wants = this.wants, doc = this.doc
                    WHERE id = this.id;
                IF this.renamed THEN
                    DELETE FROM {schema}.names WHERE job = this.id;
                END IF;
            END IF;
            landed[this.n] := this.id;
            FOR k IN this.first .. this.last LOOP
                INSERT INTO {schema}.names VALUES (
                    this.id, wanted_names[k + 1], holds[4 * k + 1], holds[4 * k + 2] <> 0,
                    holds[4 * k + 3] <> 0, holds[4 * k + 4],
                    holds[4 * k + 4] IS NOT NULL AND this.state = 'queued'
                );
            END LOOP;
        END LOOP;
    END IF;
    IF cardinality(array_remove(landed, NULL)) > 0 THEN
        PERFORM pg_notify('{channel}', '');
    END IF;
END
$function$;
