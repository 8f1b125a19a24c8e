-- One row per day: the share of the arrived flights that came more than 15 minutes late. conf/task/daily.yaml asks.
select
    make_date(year, month, day) as day,
    avg((arr_delay > 15)::integer) as late_share
from flights
where arr_delay is not null
group by all
