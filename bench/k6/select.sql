\set id random(1, 10000)
SELECT id, title, total FROM bench WHERE id = :id;
