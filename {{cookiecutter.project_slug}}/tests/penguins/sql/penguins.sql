-- Three species of penguins: is it a male?
select * from penguins
