with gaps as (

    select
        client_id,
        bool_or(severity = 'error') as has_error,
        bool_or(severity in ('error', 'warning')) as has_doubt,
        (array_agg(sentence order by place) filter (where severity = 'error'))[1] as first_error,
        (array_agg(sentence order by place) filter (where severity = 'warning'))[1] as first_warning,
        (array_agg(remedy order by place) filter (where severity in ('error', 'warning')))[1] as remedy,
        (array_agg(command order by place) filter (where severity in ('error', 'warning')))[1] as command
    from {{ ref('planning_gaps') }}
    group by client_id

),

planned as (

    select
        runs.client_id,
        runs.as_of_date,
        count(*) as series,
        count(*) filter (
            where metrics.on_hand_qty is not null and metrics.lead_time_days is not null
        ) as decided
    from {{ ref('current_inventory_runs') }} as runs
    inner join {{ source('analytics', 'inventory_metrics') }} as metrics using (client_id, run_id)
    group by runs.client_id, runs.as_of_date

),

proposed as (

    select
        runs.client_id,
        count(*) as lines,
        count(*) filter (where lines.urgency in ('stocked_out', 'late', 'today')) as urgent_lines
    from {{ ref('current_inventory_runs') }} as runs
    inner join {{ source('analytics', 'replenishment_plan') }} as lines using (client_id, run_id)
    group by runs.client_id

),

states as (

    select
        clients.client_id,
        planned.as_of_date,
        planned.series,
        planned.decided,
        coalesce(proposed.lines, 0) as lines,
        coalesce(proposed.urgent_lines, 0) as urgent_lines,
        gaps.first_error,
        gaps.first_warning,
        gaps.remedy,
        gaps.command,
        case
            when coalesce(planned.decided, 0) = 0 then 'unknown'
            when planned.decided < planned.series or gaps.has_error then 'partial'
            when gaps.has_doubt then 'doubtful'
            else 'sound'
        end as state
    from {{ source('analytics', 'dim_client') }} as clients
    left join planned using (client_id)
    left join proposed using (client_id)
    left join gaps using (client_id)

)

select
    client_id,
    state,
    as_of_date,
    series as planned_series,
    decided as decided_series,
    case when state <> 'unknown' or lines > 0 then lines end as lines,
    case when state <> 'unknown' or urgent_lines > 0 then urgent_lines end as urgent_lines,
    case
        when state = 'unknown' and lines > 0
            then format(
                    'As of %s, %s stocked-out series need a decision, and no orders can be proposed. %s',
                    as_of_date, lines, first_error
                )
        when state = 'unknown' then concat('No orders can be proposed. ', first_error)
        when lines = 0
            then format(
                    'As of %s, no order is due for the %s series whose stock and lead time are known.',
                    as_of_date, to_char(decided, 'FM999,999,999,999')
                ) || case when state <> 'sound' then ' ' || coalesce(first_error, first_warning) else '' end
        else format(
                'As of %s, %s lines are proposed, %s of them urgent.',
                as_of_date, to_char(lines, 'FM999,999,999,999'), to_char(urgent_lines, 'FM999,999,999,999')
            ) || case when state <> 'sound' then ' ' || coalesce(first_error, first_warning) else '' end
    end as sentence,
    remedy,
    command
from states
order by client_id
