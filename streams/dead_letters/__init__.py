"""Dead letters for an operator: `letters` reads them off their topic, `put_back` sends their records again."""
