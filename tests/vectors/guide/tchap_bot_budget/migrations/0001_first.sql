CREATE TABLE bot_budget_spent (id {serial}, room TEXT NOT NULL, amount {bigint} NOT NULL, what TEXT NOT NULL) {strict};
CREATE INDEX bot_budget_spent_room ON bot_budget_spent (room);
